//! Planning: the wish is carried out in a transaction, what comes of it is read, and everything is taken back.

use std::collections::BTreeMap;
use std::time::Duration;

use seaworthy_core::action::Effect;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Records;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::diff;
use seaworthy_core::document::Doc;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::ports::Prepared;
use seaworthy_core::ports::View;
use seaworthy_core::resource::ResourceId;
use serde_json::Value;
use serde_json::json;

use super::Sql;
use super::observe;
use super::observe::Content;
use super::observe::Everything;
use super::script::Script;
use super::script::asks_time;
use super::session::Purpose;
use super::session::Session;
use super::target;
use super::target::Target;
use super::write;
use super::write::Deed;

/// How many lines of a difference a warning shows.
const LINES_SHOWN: usize = 12;

/// What one dry run showed.
#[derive(Clone, Debug, PartialEq)]
struct DryRun {
    before: Everything,
    after: Everything,
    undone: Option<Everything>,
    /// Rows that would refer to nothing.
    dangling: Vec<String>,
}

/// Says what a wish would do.
pub(super) async fn prepare(sql: &Sql, ask: &Ask, view: &dyn View) -> Result<Prepared, Fault> {
    let target = Target::of(&ask.resource)?;
    let doing = format!("planning `{}`", ask.resource);
    if ask.resource.system != sql.name {
        let why = format!("it is no resource of `{}`", sql.name);
        return Err(Fault::new(FaultKind::Wrong, doing, why));
    }
    let undo = undo_script(ask)?;
    let deeds = Deeds { earlier: earlier(sql, view), ask, undo };
    let first = deeds.dry_run(sql, &doing).await?;
    if deeds.asks_time(&first) {
        // The clock of SQLite shows whole seconds: what depends on it is another value a second later.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let second = deeds.dry_run(sql, &doing).await?;
    let effects = effects(sql, &target, &first, &second, &taints(sql, view));
    let schema_changes = first.before.schema != first.after.schema;
    Ok(Prepared {
        rehearsed: counts(&first, &second),
        undo: match (&ask.undo, schema_changes) {
            (Some(procedure), _) => Undo::Do(procedure.clone()),
            (None, true) => Undo::Impossible(
                "the migration changes the schema and has no `undo` script".to_owned(),
            ),
            (None, false) => Undo::Restore,
        },
        warnings: warnings(&deeds, &first),
        ..Prepared::of(ask.wish.clone(), effects)
    })
}

fn undo_script(ask: &Ask) -> Result<Option<Script>, Fault> {
    let Some(procedure) = &ask.undo else { return Ok(None) };
    let script = write::script_of(&ask.resource, procedure)?;
    script.statements()?;
    Ok(Some(script))
}

/// Returns the earlier actions of the plan on this database.
fn earlier<'v>(sql: &Sql, view: &'v dyn View) -> Vec<(&'v ResourceId, &'v Wish)> {
    view.earlier()
        .iter()
        .filter(|action| action.resource.system == sql.name)
        .map(|action| (&action.resource, &action.wish))
        .collect()
}

/// Returns what earlier actions leave unknown, with the reason.
fn taints(sql: &Sql, view: &dyn View) -> BTreeMap<ResourceId, String> {
    let mut taints = BTreeMap::new();
    for action in view.earlier() {
        for effect in action.effects.iter().filter(|one| one.resource.system == sql.name) {
            let why = match &effect.predicted {
                Prediction::Unknown(why) => why.clone(),
                Prediction::Exactly(_) if action.resource.system == sql.name => continue,
                Prediction::Exactly(_) => format!("`{}` changes it before", action.title),
            };
            taints.insert(effect.resource.clone(), why);
        }
    }
    taints
}

// ------------------------------------------------------------------------------------------------- the dry run

struct Deeds<'a> {
    earlier: Vec<(&'a ResourceId, &'a Wish)>,
    ask: &'a Ask,
    undo: Option<Script>,
}

impl Deeds<'_> {
    fn asked(&self) -> Deed<'_> {
        Deed { resource: &self.ask.resource, wish: &self.ask.wish, undoing: false }
    }

    fn purpose(&self) -> Result<Purpose, Fault> {
        let mut loose = self.asked().purpose()? == Purpose::WriteLoosely;
        loose |= self.undo.as_ref().is_some_and(Script::is_loose);
        for (resource, wish) in &self.earlier {
            loose |= Deed { resource, wish, undoing: false }.purpose()? == Purpose::WriteLoosely;
        }
        Ok(if loose { Purpose::WriteLoosely } else { Purpose::Write })
    }

    async fn dry_run(&self, sql: &Sql, doing: &str) -> Result<DryRun, Fault> {
        let mut session = Session::open(sql, self.purpose()?, doing.to_owned()).await?;
        let shown = match session.begin().await {
            Ok(()) => self.inside(&mut session).await,
            Err(fault) => Err(fault),
        };
        session.rollback().await;
        shown
    }

    async fn inside(&self, session: &mut Session) -> Result<DryRun, Fault> {
        for (resource, wish) in &self.earlier {
            write::carry_out(session, Deed { resource, wish, undoing: false }).await?;
        }
        let before = observe::everything(session).await?;
        let dangling = write::dangling(session).await;
        write::carry_out(session, self.asked()).await?;
        let dangling: Vec<String> =
            write::dangling(session).await.difference(&dangling).cloned().collect();
        if let (Some(line), false) = (dangling.first(), self.asked().is_quiet()) {
            return Err(Fault::new(FaultKind::Wrong, &session.doing, line.clone()));
        }
        let after = observe::everything(session).await?;
        let undone = match &self.ask.undo {
            None => None,
            Some(procedure) => {
                let wish = Wish::Do(procedure.clone());
                let resource = target::schema(&self.ask.resource.system);
                let deed = Deed { resource: &resource, wish: &wish, undoing: true };
                write::carry_out(session, deed).await.map_err(|mut fault| {
                    fault.why.push("it is the `undo` of this action, tried out after it".into());
                    fault
                })?;
                Some(observe::everything(session).await?)
            }
        };
        Ok(DryRun { before, after, undone, dangling })
    }

    /// Tells whether what was done may depend on the time.
    fn asks_time(&self, shown: &DryRun) -> bool {
        let scripts = self.earlier.iter().map(|(_, wish)| *wish).chain([&self.ask.wish]);
        let in_scripts = scripts.into_iter().any(|wish| match wish {
            Wish::Do(procedure) => procedure.text("script").is_some_and(asks_time),
            Wish::Be(_) | Wish::Merge(_) | Wish::Absent => false,
        });
        let changed = changed_tables(shown);
        let in_schema =
            shown.after.schema.0.as_object().into_iter().flatten().any(|(name, sql)| {
                let (kind, name) = name.split_once('/').unwrap_or_default();
                let fires = kind == "trigger" && !changed.is_empty();
                let defaults = kind == "table" && changed.contains(&name.to_owned());
                (fires || defaults) && sql.as_str().is_some_and(asks_time)
            });
        in_scripts || in_schema
    }
}

// ------------------------------------------------------------------------------------------------- what it showed

fn changed_tables(shown: &DryRun) -> Vec<String> {
    let mut names: Vec<&String> =
        shown.before.tables.keys().chain(shown.after.tables.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| shown.before.tables.get(*name) != shown.after.tables.get(*name))
        .cloned()
        .collect()
}

fn effects(
    sql: &Sql,
    target: &Target,
    first: &DryRun,
    second: &DryRun,
    taints: &BTreeMap<ResourceId, String>,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    let schema = || {
        let after = Some(first.after.schema.clone());
        let same = first.after.schema == second.after.schema;
        let resource = target::schema(&sql.name);
        let predicted = prediction(taints.get(&resource), same, after);
        Effect::new(resource, Some(first.before.schema.clone()), predicted)
    };
    let mut changed = changed_tables(first);
    changed.extend(changed_tables(second));
    changed.sort();
    changed.dedup();
    if first.before.schema != first.after.schema {
        effects.push(schema());
    }
    let mut of_row = None;
    if let Target::Row { table, key } = target {
        let (before, after) = (row(&first.before, table, key), row(&first.after, table, key));
        let same = after == row(&second.after, table, key);
        let resource = target::row(&sql.name, table, key);
        let taint = taint_of_table(sql, table, taints);
        of_row = Some(Effect::new(resource, before, prediction(taint, same, after)));
        changed.retain(|name| {
            !name.eq_ignore_ascii_case(table) || !only_row_changes(first, second, name, key)
        });
    }
    if let Target::Table(table) = target
        && !changed.iter().any(|name| name.eq_ignore_ascii_case(table))
    {
        changed.insert(0, table.clone());
    }
    for name in changed {
        let (before, after) = (named(&first.before, &name), named(&first.after, &name));
        let same = after.map(Content::to_doc) == named(&second.after, &name).map(Content::to_doc);
        let taint = taint_of_table(sql, &name, taints);
        let predicted = prediction(taint, same, after.map(Content::to_doc));
        let known = matches!(predicted, Prediction::Exactly(_));
        let count = |content: Option<&Content>| content.map(|one| one.rows.len() as u64);
        let mut effect =
            Effect::new(target::table(&sql.name, &name), before.map(Content::to_doc), predicted);
        effect.records = count(before).map(|before| Records {
            before,
            after: if known { Some(count(after).unwrap_or(0)) } else { None },
        });
        effects.push(effect);
    }
    // Undone last first: when the row goes back, its triggers write once more, and then the tables that they wrote go back.
    effects.extend(of_row);
    if effects.is_empty() {
        effects.push(schema());
    }
    effects
}

fn prediction(taint: Option<&String>, same: bool, after: Option<Doc>) -> Prediction {
    match taint {
        Some(why) => Prediction::Unknown(why.clone()),
        None if !same => Prediction::Unknown(
            "two dry runs gave two results: it depends on the time or on chance".to_owned(),
        ),
        None => Prediction::Exactly(after),
    }
}

/// Finds what leaves a table unknown: itself, one of its rows, or the schema.
fn taint_of_table<'t>(
    sql: &Sql,
    name: &str,
    taints: &'t BTreeMap<ResourceId, String>,
) -> Option<&'t String> {
    let about = |resource: &ResourceId| match Target::of(resource) {
        Ok(Target::Table(table) | Target::Row { table, key: _ }) => {
            table.eq_ignore_ascii_case(name)
        }
        Ok(Target::Schema) => true,
        Err(_) => false,
    };
    taints.iter().find(|(one, _)| one.system == sql.name && about(one)).map(|(_, why)| why)
}

fn named<'e>(all: &'e Everything, name: &str) -> Option<&'e Content> {
    all.tables.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, content)| content)
}

fn row(all: &Everything, table: &str, key: &str) -> Option<Doc> {
    named(all, table)?.row(key)
}

fn only_row_changes(first: &DryRun, second: &DryRun, name: &str, key: &str) -> bool {
    let without = |all: &Everything| {
        named(all, name).map(|content| {
            let mut content = content.clone();
            content.rows.remove(key);
            content
        })
    };
    without(&first.before) == without(&first.after)
        && without(&second.before) == without(&second.after)
}

/// Returns how many rows come, change and go, table by table.
fn counts(first: &DryRun, second: &DryRun) -> Value {
    if first.after != second.after {
        return Value::Null;
    }
    let mut tables = serde_json::Map::new();
    for name in changed_tables(first) {
        let none = BTreeMap::new();
        let rows = |all| named(all, &name).map_or(&none, |content: &Content| &content.rows);
        let (before, after) = (rows(&first.before), rows(&first.after));
        let common = before.iter().filter_map(|(key, row)| after.get(key).map(|new| (row, new)));
        let (both, changed) = common.fold((0, 0), |(both, changed), (old, new)| {
            (both + 1, changed + usize::from(old != new))
        });
        tables.insert(
            name.clone(),
            json!({
                "inserted": after.len() - both, "changed": changed, "deleted": before.len() - both,
            }),
        );
    }
    json!({ "rows": tables })
}

fn warnings(deeds: &Deeds<'_>, shown: &DryRun) -> Vec<String> {
    let mut warnings = shown.dangling.clone();
    let (Some(undone), Some(script)) = (&shown.undone, &deeds.undo) else { return warnings };
    let mut compare = |what: String, before: Option<&Doc>, after: Option<&Doc>| {
        if before == after {
            return;
        }
        let lines = diff::docs(before, after);
        let shown: Vec<String> = lines.iter().take(LINES_SHOWN).map(diff::Line::plain).collect();
        let more = lines.len().saturating_sub(LINES_SHOWN);
        let more = if more > 0 { format!("\n… and {more} more lines") } else { String::new() };
        warnings.push(format!(
            "`{}` does not lead back: it leaves {what} different\n{}{more}",
            script.from,
            shown.join("\n")
        ));
    };
    compare("the schema".to_owned(), Some(&shown.before.schema), Some(&undone.schema));
    let mut names: Vec<&String> = shown.before.tables.keys().chain(undone.tables.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let doc = |all| named(all, name).map(Content::to_doc);
        compare(format!("table `{name}`"), doc(&shown.before).as_ref(), doc(undone).as_ref());
    }
    warnings
}

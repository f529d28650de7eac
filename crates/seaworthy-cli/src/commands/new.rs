//! `new`: a change's folder, prefilled.

use clap::ArgMatches;
use clap::FromArgMatches;
use seaworthy_core::change;
use seaworthy_core::change::ChangeFile;
use seaworthy_core::explain::Explanation;
use seaworthy_core::scope;
use seaworthy_engine::verbs::plan::scope_error;
use seaworthy_engine::verbs::plan::typed_address;
use serde_json::Value;
use serde_json::json;
use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Table;

use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::folder;
use crate::folder::Folder;
use crate::printer::Printer;

/// A new change: a folder with a prefilled `change.toml`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is changing, in one sentence
    scope: Option<String>,
    #[command(flatten)]
    steps: Steps,
    /// The name of its folder, if not made from the sentence
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// The actions named on the command line, in their order.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<(usize, Step)>);

#[derive(Debug)]
enum Step {
    Put(String),
    Set(String, Vec<String>),
    Delete(String),
    Run(String),
    From(String),
    Json(String),
}

const FLAGS: [(&str, &str, &str); 6] = [
    ("put", "ADDRESS", "Make this resource be what `--from` holds"),
    ("set", "ADDRESS", "Change these fields only: `--set ADDRESS active=false`"),
    ("delete", "ADDRESS", "Take this resource away"),
    ("run", "PROCEDURE", "Run a procedure: `db:migration`, `repo:push`, `web:deploy`"),
    ("from", "FILE", "The file for the action before; it is copied into the change's folder"),
    ("from-json", "FILE", "Take a whole change as JSON; `-` is standard input"),
];

impl clap::Args for Steps {
    fn augment_args(command: clap::Command) -> clap::Command {
        FLAGS.iter().fold(command, |command, (name, value, help)| {
            let argument = clap::Arg::new(*name).long(*name).value_name(*value).help(*help);
            command.arg(match *name {
                "set" => argument.num_args(2..).action(clap::ArgAction::Append),
                _ => argument.action(clap::ArgAction::Append),
            })
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Steps {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut steps = Vec::new();
        for (name, make) in [
            ("put", Step::Put as fn(String) -> Step),
            ("delete", Step::Delete),
            ("run", Step::Run),
            ("from", Step::From),
            ("from-json", Step::Json),
        ] {
            let indices = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<String>(name).into_iter().flatten();
            steps.extend(indices.zip(values).map(|(index, value)| (index, make(value.clone()))));
        }
        let indices: Vec<usize> = matches.indices_of("set").into_iter().flatten().collect();
        let mut at = 0;
        for occurrence in matches.get_occurrences::<String>("set").into_iter().flatten() {
            let mut words: Vec<String> = occurrence.cloned().collect();
            let index = indices.get(at).copied().unwrap_or_default();
            at += words.len();
            let address = words.remove(0);
            steps.push((index, Step::Set(address, words)));
        }
        steps.sort_by_key(|(index, _)| *index);
        Ok(Self(steps))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    // `--json -` takes a whole change; the global `--json` has taken the word, and `-` stands as the scope.
    let from_stdin = args.scope.as_deref() == Some("-");
    let whole =
        args.steps.0.iter().find_map(|(_, step)| {
            if let Step::Json(file) = step { Some(file.clone()) } else { None }
        });
    let (scope_text, mut document, files) = match whole.or(from_stdin.then(|| "-".to_owned())) {
        Some(file) => whole_change(&file)?,
        None => {
            let scope_text = args.scope.clone().unwrap_or_default();
            let mut steps = args.steps;
            whole_addresses(&desk, &mut steps).await?;
            let (document, files) = from_steps(&steps)?;
            (scope_text, document, files)
        }
    };
    scope::check(&scope_text).map_err(|fault| scope_error(&scope_text, &fault))?;
    if let Some(name) = args.name.as_ref().filter(|name| !beside(name) || name.contains('/')) {
        return Err(Explanation::new(
            "usage",
            format!("`{name}` cannot name a folder in `changes/`"),
        )
        .why("each change is a folder of its own, right below `changes/`")
        .next("give a `--name` of letters, digits and `-`"));
    }
    let slug = args.name.clone().unwrap_or_else(|| scope::slug(&scope_text));
    let name = match &args.name {
        Some(name) => name.clone(),
        None => free_name(
            &desk.folder,
            &desk,
            &format!(
                "{}-{slug}",
                desk.office.now().to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d")
            ),
        ),
    };
    if desk.folder.change(&name).exists() {
        return Err(Explanation::new(
            "change-exists",
            format!("there is a change `{name}` already"),
        )
        .why("a change is known by its folder's name")
        .next("give another `--name`"));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let empty = document.is_empty();
    let mut head = DocumentMut::new();
    head.insert("scope", toml_edit::value(scope_text.trim()));
    head.insert("id", toml_edit::value(id.clone()));
    for (key, item) in document.iter_mut() {
        head.insert(key.get(), item.clone());
    }
    let mut text = head.to_string();
    if empty {
        text.push_str(HINTS);
    }
    // Whatever was given must be understood by the reader of change files, too, before any of it is written.
    let file_name = format!("changes/{name}/{}", change::FILE);
    ChangeFile::read(&file_name, &text)?;
    let path = desk.folder.change(&name);
    for (file, bytes) in &files {
        folder::write(&path.join(file), bytes)?;
    }
    folder::write(&path.join(change::FILE), text.as_bytes())?;
    seaworthy_engine::verbs::changes::propose(&desk.office, &name, &id, scope_text.trim()).await?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/new/v1", "change": name, "id": id, "file": file_name, "path": path.join(change::FILE) }));
    } else {
        printer.data(&file_name);
        printer.talk(&format!("next: edit it, then run `seaworthy plan {name}`"));
    }
    Ok(0)
}

const HINTS: &str = r#"
# What is to be done, in order. One of put, set, delete, run, manual:
# [[action]]
# put  = "SYSTEM:file/PATH"        # make the resource be this …
# from = "FILE"                    # … file beside this one (or: value = …)

# What must hold afterwards. Without a check nobody can tell whether it works:
# [[check]]
# http     = "https://…"
# contains = "…"
"#;

/// Returns a name that no change has yet.
pub(crate) fn free_name(folder: &Folder, _desk: &Desk, wanted: &str) -> String {
    (1..)
        .map(|number| if number == 1 { wanted.to_owned() } else { format!("{wanted}-{number}") })
        .find(|name| !folder.change(name).exists())
        .unwrap_or_else(|| wanted.to_owned())
}

/// Writes a change's file. Returns its id.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn write(
    folder: &Folder,
    name: &str,
    scope: &str,
    rest: &str,
) -> Result<String, Explanation> {
    let id = uuid::Uuid::now_v7().to_string();
    let mut head = DocumentMut::new();
    head.insert("scope", toml_edit::value(scope));
    head.insert("id", toml_edit::value(id.clone()));
    folder::write(&folder.change(name).join(change::FILE), format!("{head}\n{rest}").as_bytes())?;
    Ok(id)
}

type Files = Vec<(String, Vec<u8>)>;

/// Turns parts of addresses into whole ones while they still are unique: the file outlives what is there today.
async fn whole_addresses(desk: &Desk, steps: &mut Steps) -> Result<(), Explanation> {
    for (_, step) in &mut steps.0 {
        match step {
            Step::Put(address) if address.contains(':') => {}
            Step::Put(address) | Step::Set(address, _) | Step::Delete(address) => {
                *address = typed_address(&desk.office, address).await?.to_string();
            }
            Step::Run(_) | Step::From(_) | Step::Json(_) => {}
        }
    }
    Ok(())
}

fn from_steps(steps: &Steps) -> Result<(DocumentMut, Files), Explanation> {
    let mut actions: Vec<Table> = Vec::new();
    let mut files = Vec::new();
    for (_, step) in &steps.0 {
        match step {
            Step::Put(address) => actions.push(table("put", toml_edit::value(address))),
            Step::Delete(address) => actions.push(table("delete", toml_edit::value(address))),
            Step::Run(procedure) => actions.push(table("run", toml_edit::value(procedure))),
            Step::Set(address, pairs) => {
                let mut fields = toml_edit::InlineTable::new();
                for pair in pairs {
                    let (key, value) = pair.split_once('=').ok_or_else(|| {
                        Explanation::new("usage", format!("`{pair}` is not `FIELD=VALUE`"))
                            .why("each word after the address is one field")
                            .next("write `--set ADDRESS active=false`")
                    })?;
                    // What reads as TOML is taken as such; anything else is text.
                    fields.insert(
                        key,
                        value.parse().unwrap_or_else(|_| toml_edit::Value::from(value)),
                    );
                }
                let mut action = table("set", toml_edit::value(address));
                action.insert("value", toml_edit::value(fields));
                actions.push(action);
            }
            Step::From(file) => {
                let path = std::path::Path::new(file);
                let name = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                let bytes = std::fs::read(path).map_err(|error| {
                    Explanation::new("file-missing", format!("`{file}` cannot be read"))
                        .because(&error)
                        .next("correct `--from`")
                })?;
                let action = actions.last_mut().ok_or_else(|| {
                    Explanation::new("usage", "`--from` stands before any action")
                        .why("it gives the file of the action before it")
                        .next("write `--put ADDRESS --from FILE`")
                })?;
                action.insert("from", toml_edit::value(&name));
                files.push((name, bytes));
            }
            Step::Json(_) => {}
        }
    }
    Ok((document(actions, Vec::new()), files))
}

fn table(key: &str, item: Item) -> Table {
    let mut table = Table::new();
    table.insert(key, item);
    table
}

fn document(actions: Vec<Table>, checks: Vec<Table>) -> DocumentMut {
    let mut document = DocumentMut::new();
    for (key, tables) in [("action", actions), ("check", checks)] {
        if !tables.is_empty() {
            let mut list = toml_edit::ArrayOfTables::new();
            tables.into_iter().for_each(|table| list.push(table));
            document.insert(key, Item::ArrayOfTables(list));
        }
    }
    document
}

/// Reads a whole change as JSON: `{"scope", "action": […], "check": […], "files": {name: text}}`.
fn whole_change(file: &str) -> Result<(String, DocumentMut, Files), Explanation> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| {
        Explanation::new("file-missing", "the change cannot be read")
            .because(&error)
            .next("give a file that holds JSON")
    })?;
    let json: Value = serde_json::from_str(&text).map_err(|error| {
        Explanation::new("change-file", "the change is not JSON")
            .why(format!("at line {}, column {}: {error}", error.line(), error.column()))
            .why(format!("it has the form {WHOLE}"))
            .next("correct it")
    })?;
    let fields = json.as_object().ok_or_else(|| {
        Explanation::new("change-file", "the change is not a JSON object")
            .why(format!("it has the form {WHOLE}"))
            .next("correct it")
    })?;
    const KEYS: [&str; 8] =
        ["scope", "id", "action", "actions", "check", "checks", "files", "rehearsal"];
    if let Some(key) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Explanation::new("change-file", format!("a change has no `{key}`"))
            .why(format!("it has the form {WHOLE}"))
            .next("correct it"));
    }
    let list = |keys: [&str; 2]| -> Result<Vec<Table>, Explanation> {
        let items = keys
            .iter()
            .find_map(|key| json.get(*key))
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        items.iter().map(to_table).collect()
    };
    let mut files = Vec::new();
    for (name, content) in fields.get("files").and_then(Value::as_object).into_iter().flatten() {
        if !beside(name) {
            return Err(Explanation::new("change-file", format!("file `{name}` cannot be kept"))
                .why("files of a change stay in its folder, so that the folder tells all of it")
                .next("name it without `..`"));
        }
        let content = match content.as_str() {
            Some(text) => text.to_owned(),
            None => serde_json::to_string_pretty(content).unwrap_or_default(),
        };
        files.push((name.clone(), content.into_bytes()));
    }
    let scope = fields.get("scope").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut document = document(list(["action", "actions"])?, list(["check", "checks"])?);
    if let Some(twins) = fields.get("rehearsal") {
        document.insert("rehearsal", Item::Table(to_table(twins)?));
    }
    Ok((scope, document, files))
}

/// What a change looks like as JSON.
const WHOLE: &str = "{\"scope\": …, \"action\": [{\"put\": …, \"from\": …}], \"check\": […], \"files\": {NAME: TEXT}}";

/// Tells whether a file of this name lies in a change's folder, beside the change's own file.
fn beside(name: &str) -> bool {
    use std::path::Component;
    let path = std::path::Path::new(name);
    name != change::FILE
        && path.components().count() > 0
        && path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn to_table(value: &Value) -> Result<Table, Explanation> {
    let fields = value.as_object().ok_or_else(|| {
        Explanation::new("change-file", "an action or check is not a JSON object")
            .why(format!("it is `{value}`"))
            .next("correct it")
    })?;
    let mut table = Table::new();
    for (key, value) in fields {
        if let Some(value) = to_toml(value) {
            table.insert(key, toml_edit::value(value));
        }
    }
    Ok(table)
}

/// TOML has no null: a field that is null is left out.
fn to_toml(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => toml_edit::Value::Array(items.iter().filter_map(to_toml).collect()),
        Value::Object(fields) => toml_edit::Value::InlineTable(
            fields.iter().filter_map(|(key, value)| Some((key.clone(), to_toml(value)?))).collect(),
        ),
    })
}

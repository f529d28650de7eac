//! `plan`: what would happen. Each action is prepared against what the earlier ones leave.

use std::collections::BTreeMap;

use seaworthy_core::action::Action;
use seaworthy_core::action::Prediction;
use seaworthy_core::action::Procedure;
use seaworthy_core::action::Undo;
use seaworthy_core::action::Wish;
use seaworthy_core::action::digest_of;
use seaworthy_core::capability::Can;
use seaworthy_core::capability::Feature;
use seaworthy_core::change::ActionSpec;
use seaworthy_core::change::Derived;
use seaworthy_core::change::From;
use seaworthy_core::change::Verb;
use seaworthy_core::check::Spec;
use seaworthy_core::document::Content;
use seaworthy_core::document::Doc;
use seaworthy_core::document::FileDoc;
use seaworthy_core::document::INLINE_BYTES_MAX;
use seaworthy_core::document::as_secret;
use seaworthy_core::explain::Explanation;
use seaworthy_core::plan::Base;
use seaworthy_core::plan::Plan;
use seaworthy_core::plan::Policy;
use seaworthy_core::plan::Purpose;
use seaworthy_core::plan::Reach;
use seaworthy_core::ports::Ask;
use seaworthy_core::ports::Sight;
use seaworthy_core::ports::System;
use seaworthy_core::ports::View as _;
use seaworthy_core::resource::Match;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::resource::find;
use seaworthy_core::run::GATES;
use seaworthy_core::scope;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::brakes;
use crate::dependencies;
use crate::dependencies::derived;
use crate::dossier::Dossier;
use crate::failure;
use crate::keep;
use crate::office::Office;
use crate::twin;
use crate::verbs::lessons;
use crate::view::Fold;

/// One thing to prepare, with its place in the change's file.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) title: String,
    pub(crate) ask: Ask,
    pub(crate) at: Option<seaworthy_core::explain::At>,
    /// Resources outside every system, which nobody can read.
    pub(crate) outside: Vec<String>,
}

/// Plans a change. Nothing is written outside, and nothing to the store.
///
/// # Errors
///
/// Whatever in the change cannot be understood or done, with its place in the file.
pub async fn plan(office: &Office, dossier: &Dossier) -> Result<Plan, Explanation> {
    check_scope(dossier)?;
    let mut parts = Vec::new();
    let wanted = wanted_by(office, dossier, &mut parts).await?;
    if wanted.is_empty() {
        return Err(Explanation::new(
            "no-actions",
            format!("change `{}` does nothing yet", dossier.name),
        )
        .why(format!("`{}` has no [[action]]", dossier.file_name))
        .next(format!(
            "add one by hand, or with `seaworthy edit ADDRESS --change {}`",
            dossier.name
        )));
    }
    let scope = dossier.file.scope.trim();
    let mut plan =
        make(office, &dossier.name, scope, Purpose::Ship, &wanted, dossier.file.checks.clone())
            .await?;
    plan.parts.extend(parts);
    let (derived, notes) = derived::checks(office, &plan, &dossier.file.derived).await;
    plan.checks = with_derived(plan.checks, derived);
    plan.derived = dossier.file.derived.clone();
    plan.warnings.extend(notes);
    watch(office, dossier, &mut plan);
    plan.rehearsal = twin::read(office, dossier, &plan).await?;
    plan.warnings.extend(brakes::warnings(office, &plan).await);
    let specs = dossier.file.actions.len();
    let counts = [specs, plan.actions.len(), plan.affected().len()];
    for number in scope::numbers(scope) {
        if !counts.contains(&number) {
            plan.warnings.push(format!(
                "the scope says {number}, the change has {}",
                count(plan.actions.len(), "action")
            ));
        }
    }
    Ok(plan)
}

/// Returns what a change's file asks for, in order.
async fn wanted_by(
    office: &Office,
    dossier: &Dossier,
    parts: &mut Vec<(String, String)>,
) -> Result<Vec<Wanted>, Explanation> {
    let mut wanted = Vec::new();
    let listed = Listing::of(office, &dossier.file.actions).await;
    for spec in &dossier.file.actions {
        let more = asks(office, dossier, spec, &listed, parts)
            .await
            .map_err(|error| error.at(Some(file_at(dossier, spec))))?;
        wanted.extend(more);
    }
    Ok(wanted)
}

/// Returns the world as a change leaves it.
///
/// # Errors
///
/// Whatever in the change cannot be understood or done.
pub(crate) async fn folded<'a>(
    office: &'a Office,
    dossier: &Dossier,
) -> Result<Fold<'a>, Explanation> {
    let wanted = wanted_by(office, dossier, &mut Vec::new()).await?;
    fold(office, &wanted, &mut Beside::default(), &mut Vec::new()).await
}

/// Says for how long the change is watched: as its file says, else as the policy does.
fn watch(office: &Office, dossier: &Dossier, plan: &mut Plan) {
    let span = dossier.file.watch.or(office.workspace.policy.watch);
    let ms = span.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    plan.policy.watch_ms = Some(ms).filter(|ms| *ms > 0);
    if ms > 0 && !plan.checks.iter().any(Spec::can_be_watched) {
        plan.warnings.push(
            "it is not watched: no check can be asked again without effects and without a person"
                .to_owned(),
        );
    }
}

fn file_at(dossier: &Dossier, spec: &ActionSpec) -> seaworthy_core::explain::At {
    seaworthy_core::explain::At { file: dossier.file_name.clone(), ..spec.at.clone() }
}

pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Refuses a scope that does not say what changes.
///
/// # Errors
///
/// Why it does not.
pub fn check_scope(dossier: &Dossier) -> Result<(), Explanation> {
    scope::check(&dossier.file.scope).map_err(|fault| {
        scope_error(&dossier.file.scope, &fault)
            .next(format!("write it as `scope = \"…\"` at the head of `{}`", dossier.file_name))
    })
}

/// Explains a scope that says nothing.
pub fn scope_error(scope: &str, fault: &scope::Fault) -> Explanation {
    let shown: String = scope.trim().chars().take(60).collect();
    Explanation::new("vague-scope", format!("the scope `{shown}` does not say what changes"))
        .why(fault.to_string())
        .next(format!("say in one sentence what is changing, like \"{}\"", scope::EXAMPLE))
}

/// Makes a plan of things wanted.
pub(crate) async fn make(
    office: &Office,
    change: &str,
    scope: &str,
    purpose: Purpose,
    wanted: &[Wanted],
    checks: Vec<Spec>,
) -> Result<Plan, Explanation> {
    let mut beside = Beside::default();
    let mut unknown = Vec::new();
    let fold = fold(office, wanted, &mut beside, &mut unknown).await?;
    let (base, places) = base(office, &fold).await?;
    let reach = reach(office, &fold, change, &purpose, wanted, &mut beside, &mut unknown).await?;
    let actions = fold.into_actions();
    let Beside { warnings, parts, checks: derived, broken } = beside;
    let checks = with_derived(checks, derived);
    let verify_within = office.workspace.policy.verify_within;
    let mut plan = Plan {
        change: change.to_owned(),
        purpose,
        scope: scope.to_owned(),
        base,
        actions,
        checks,
        derived: Derived::default(),
        gates: GATES.to_vec(),
        policy: Policy {
            verify_within_ms: u64::try_from(verify_within.as_millis()).unwrap_or(u64::MAX),
            approvals: office.workspace.policy.approvals,
            watch_ms: None,
        },
        rehearsal: None,
        places,
        parts,
        warnings,
        broken,
        reach,
        unknown,
        lessons: Vec::new(),
        made: office.now(),
    };
    if plan.affected().iter().all(|one| one.mark() == seaworthy_core::action::Mark::Same)
        && !plan.affected().is_empty()
    {
        plan.warnings.push("everything already is as wished: nothing would change".to_owned());
    }
    warn_of_drift(office, &mut plan).await?;
    plan.lessons = lessons::of(office, &plan).await?;
    Ok(plan)
}

/// Prepares things wanted, each against what those before leave.
async fn fold<'a>(
    office: &'a Office,
    wanted: &[Wanted],
    beside: &mut Beside,
    unknown: &mut Vec<String>,
) -> Result<Fold<'a>, Explanation> {
    let mut fold = Fold::new(office);
    let asked: Vec<ResourceId> = wanted.iter().map(|want| want.ask.resource.clone()).collect();
    fold.foresee(&asked).await;
    for want in wanted {
        let action = prepare(office, &fold, want, beside).await?;
        for outside in &want.outside {
            unknown.push(format!(
                "`{outside}` is outside every system: what becomes of it is not read"
            ));
        }
        for effect in &action.effects {
            if let Prediction::Unknown(why) = &effect.predicted {
                unknown.push(format!("{}: {why}", effect.resource));
            }
        }
        fold.push(action);
    }
    Ok(fold)
}

/// Finds who depends on what is touched. Whose references lead nowhere then is refused where a change is shipped, and told
/// where something is brought back: nobody is kept from that. A twin has no dependents.
async fn reach(
    office: &Office,
    fold: &Fold<'_>,
    change: &str,
    purpose: &Purpose,
    wanted: &[Wanted],
    beside: &mut Beside,
    unknown: &mut Vec<String>,
) -> Result<Option<Reach>, Explanation> {
    if matches!(purpose, Purpose::Rehearsal { .. }) {
        return Ok(None);
    }
    let outside: Vec<String> = wanted.iter().flat_map(|want| want.outside.clone()).collect();
    let mut found = dependencies::look(office, fold, change, &outside, false).await?;
    found.leave_out_what_is_said(&beside.broken, &mut beside.warnings);
    beside.warnings.append(&mut found.warnings);
    unknown.append(&mut found.unknown);
    let broken = found.broken();
    match purpose {
        Purpose::Ship => beside.broken.extend(broken),
        Purpose::Restore | Purpose::Capture { .. } | Purpose::Rehearsal { .. } => {
            beside.warnings.extend(broken);
        }
        Purpose::Rollback { .. } => {
            beside.warnings.append(&mut beside.broken);
            beside.warnings.extend(broken);
        }
    }
    Ok(Some(found.reach))
}

/// What comes of preparing actions beside the actions.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) warnings: Vec<String>,
    pub(crate) parts: Vec<(String, String)>,
    pub(crate) checks: Vec<Spec>,
    pub(crate) broken: Vec<String>,
}

/// Adds the checks that systems derive for what is touched, each once, behind those of the author.
pub(crate) fn with_derived(mut checks: Vec<Spec>, derived: Vec<Spec>) -> Vec<Spec> {
    for spec in derived {
        if checks.iter().all(|known| known.kind != spec.kind) {
            checks.push(spec);
        }
    }
    checks
}

pub(crate) async fn prepare(
    office: &Office,
    fold: &Fold<'_>,
    want: &Wanted,
    beside: &mut Beside,
) -> Result<Action, Explanation> {
    let ask = &want.ask;
    let system = office.system_of(&ask.resource).map_err(|error| error.at(want.at.clone()))?;
    if matches!(ask.wish, Wish::Merge(_) | Wish::Absent) {
        refuse_absent(office, fold, ask, system)
            .await
            .map_err(|error| error.at(want.at.clone()))?;
    }
    let prepared = system
        .prepare(ask, fold)
        .await
        .map_err(|fault| failure::system(system.name(), &fault).at(want.at.clone()))?;
    keep_literal(office, ask, &prepared.wish, &mut beside.parts).await?;
    beside.warnings.extend(prepared.warnings);
    beside.checks.extend(prepared.checks);
    beside.broken.extend(prepared.broken);
    Ok(Action {
        title: want.title.clone(),
        resource: ask.resource.clone(),
        ask: ask.clone(),
        wish: prepared.wish,
        effects: prepared.effects,
        undo: prepared.undo,
        secrets: ask.secret.clone().into_iter().chain(prepared.secrets).collect(),
        rehearsed: prepared.rehearsed,
        needs_person: prepared.needs_person,
    })
}

/// A value that stands in `change.toml` as it is, and that its system treats as a secret, is kept in the vault for the
/// time of the run.
async fn keep_literal(
    office: &Office,
    ask: &Ask,
    wish: &Wish,
    parts: &mut Vec<(String, String)>,
) -> Result<(), Explanation> {
    let (Wish::Be(Doc(Value::String(text))), Wish::Be(Doc(doc))) = (&ask.wish, wish) else {
        return Ok(());
    };
    if let Some(fingerprint) = doc.get("value").and_then(as_secret) {
        office.redactor.learn(&seaworthy_core::secret::Secret::new(text.clone()));
        parts.push((fingerprint.to_string(), keep::bytes(office, text.as_bytes()).await?));
    }
    Ok(())
}

/// `set` and `delete` need something that is there.
async fn refuse_absent(
    office: &Office,
    fold: &Fold<'_>,
    ask: &Ask,
    system: &std::sync::Arc<dyn System>,
) -> Result<(), Explanation> {
    let sight =
        fold.see(&ask.resource).await.map_err(|fault| failure::system(system.name(), &fault))?;
    if sight != Sight::Known(None) {
        return Ok(());
    }
    let listed =
        system.inventory().await.map_err(|fault| failure::system(system.name(), &fault))?;
    let mut error = Explanation::new("address-unknown", format!("`{}` is not there", ask.resource));
    for near in nearest(&ask.resource.to_string(), listed.iter().map(|one| &one.resource)) {
        error = error.why(format!("there is `{near}`"));
    }
    let _ = office;
    Err(error.next("correct the address; `put` makes what is not there yet"))
}

/// Returns the addresses most like the one that was written, at most three.
fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a ResourceId>) -> Vec<String> {
    let wanted: std::collections::BTreeSet<char> = typed.chars().collect();
    let mut scored: Vec<(usize, String)> = known
        .map(|id| {
            let text = id.to_string();
            let common =
                text.chars().zip(typed.chars()).take_while(|(one, other)| one == other).count();
            let letters = text
                .chars()
                .collect::<std::collections::BTreeSet<_>>()
                .intersection(&wanted)
                .count();
            (common * 4 + letters, text)
        })
        .collect();
    scored.sort_by(|one, other| other.cmp(one));
    scored.into_iter().take(3).map(|(_, text)| text).collect()
}

/// The state of every touched resource now, sorted; and where their bytes are. What an earlier action predicts is no
/// base: the world is compared with it before anything is done.
pub(crate) async fn base(
    office: &Office,
    fold: &Fold<'_>,
) -> Result<(Vec<Base>, Vec<seaworthy_core::resource::Place>), Explanation> {
    let mut base: BTreeMap<ResourceId, Base> = BTreeMap::new();
    let mut places = Vec::new();
    for action in fold.earlier() {
        places.extend(office.system_of(&action.resource)?.places(&action.resource));
        for effect in &action.effects {
            let system = office.system_of(&effect.resource)?;
            places.extend(system.places(&effect.resource));
            if base.contains_key(&effect.resource) {
                continue;
            }
            let now = fold
                .observe(&effect.resource)
                .await
                .map_err(|fault| failure::system(system.name(), &fault))?;
            let digest = digest_of(now.as_ref());
            base.insert(
                effect.resource.clone(),
                Base { system: system.identity(), resource: effect.resource.clone(), digest },
            );
        }
    }
    places.sort();
    places.dedup();
    let mut base: Vec<Base> = base.into_values().collect();
    base.sort();
    Ok((base, places))
}

/// Says which touched resources somebody changed outside any run since we last saw them.
async fn warn_of_drift(office: &Office, plan: &mut Plan) -> Result<(), Explanation> {
    let touched: Vec<ResourceId> = plan.base.iter().map(|base| base.resource.clone()).collect();
    let known = office.store.known_of(&touched).await.map_err(|error| failure::store(&error))?;
    for (resource, digest) in known {
        if plan.base.iter().any(|base| base.resource == resource && base.digest != digest) {
            plan.warnings.push(format!("`{resource}` was changed since the ledger's last entry about it, and no entry says why"));
        }
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------- what a file asks for

async fn asks(
    office: &Office,
    dossier: &Dossier,
    spec: &ActionSpec,
    listed: &Listing,
    parts: &mut Vec<(String, String)>,
) -> Result<Vec<Wanted>, Explanation> {
    let at = Some(file_at(dossier, spec));
    let (touches, outside) = touches(office, &spec.touches)?;
    let wanted =
        |title: String, resource: ResourceId, wish: Wish, undo: Option<Procedure>| Wanted {
            title,
            ask: Ask { resource, wish, undo, touches: touches.clone(), secret: None },
            at: at.clone(),
            outside: outside.clone(),
        };
    match &spec.verb {
        Verb::Put { address, from } => {
            let resource = listed.address_of(office, address, false).await?;
            let title = format!("put {resource}");
            match from {
                From::File(name) => {
                    let bytes = file(dossier, name)?;
                    let doc = file_doc(office, bytes, parts).await?;
                    Ok(vec![wanted(title, resource, Wish::Be(doc), None)])
                }
                From::Value(value) => {
                    Ok(vec![wanted(title, resource, Wish::Be(Doc(value.clone())), None)])
                }
                From::Secret(reference) => {
                    let mut want = wanted(title, resource, Wish::Be(Doc(Value::Null)), None);
                    want.ask.secret = Some(reference.clone());
                    Ok(vec![want])
                }
            }
        }
        Verb::Set { addresses, value } => {
            let mut all = Vec::new();
            for address in addresses {
                let resource = listed.address_of(office, address, true).await?;
                all.push(wanted(
                    format!("set {resource}"),
                    resource,
                    Wish::Merge(value.clone()),
                    None,
                ));
            }
            Ok(all)
        }
        Verb::Delete { address } => {
            let resource = listed.address_of(office, address, true).await?;
            Ok(vec![wanted(format!("delete {resource}"), resource, Wish::Absent, None)])
        }
        Verb::Run { procedure, args } => {
            let resource: ResourceId =
                procedure.parse().map_err(|error: seaworthy_core::resource::BadAddress| {
                    Explanation::new(
                        "bad-address",
                        format!("`run = \"{procedure}\"` is not understood"),
                    )
                    .why(error.why)
                    .next("write it as `SYSTEM:PROCEDURE`, `db:migration` say")
                })?;
            let (forward, undo) = procedures(office, dossier, &resource, args)?;
            let title = format!("run {procedure}{}", detail(args));
            // A deploy is a wish about the one release that is current.
            let is_deploy = office.system_of(&resource)?.kind() == "site";
            let resource = if is_deploy {
                ResourceId::new(&resource.system, "release", "current")
            } else {
                resource
            };
            Ok(vec![wanted(title, resource, Wish::Do(forward), undo)])
        }
        Verb::Manual { text, undo } => {
            let system = office.systems.iter().find(|system| system.kind() == "manual");
            let name = system.map_or("manual", |system| system.name());
            let resource = ResourceId::new(name, "task", &slug(text));
            let task = |text: &str| Procedure::new("task", json!({ "text": text }));
            Ok(vec![wanted(
                format!("manual: {text}"),
                resource,
                Wish::Do(task(text)),
                undo.as_deref().map(task),
            )])
        }
    }
}

fn detail(args: &Map<String, Value>) -> String {
    let show = |key: &str| match args.get(key) {
        Some(Value::String(text)) => Some(format!(" {text}")),
        Some(Value::Array(items)) => Some(format!(
            " {}",
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        )),
        _ => None,
    };
    ["command", "from", "paths", "branch"].into_iter().find_map(show).unwrap_or_default()
}

fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(6)
        .map(str::to_lowercase)
        .collect();
    if words.is_empty() { "task".to_owned() } else { words.join("-") }
}

fn file<'a>(dossier: &'a Dossier, name: &str) -> Result<&'a Vec<u8>, Explanation> {
    dossier.files.get(name).ok_or_else(|| {
        Explanation::new("file-missing", format!("`{name}` is not beside `{}`", dossier.file_name))
            .why("the change refers to it, and it could not be read")
            .next("put the file there, or correct its name")
    })
}

/// A file as a document. A large one is kept in the vault, so that what was planned is what is written.
pub(crate) async fn file_doc(
    office: &Office,
    bytes: &[u8],
    parts: &mut Vec<(String, String)>,
) -> Result<Doc, Explanation> {
    if bytes.len() <= INLINE_BYTES_MAX {
        return Ok(FileDoc::plain(bytes).to_doc());
    }
    let digest = seaworthy_core::ids::Digest::of(bytes);
    parts.push((digest.to_string(), keep::bytes(office, bytes).await?));
    let content = Content::Elsewhere { digest, length: bytes.len() as u64 };
    Ok(FileDoc { content, executable: false }.to_doc())
}

/// Splits what is touched into resources of systems and what lies outside of them.
fn touches(
    office: &Office,
    texts: &[String],
) -> Result<(Vec<ResourceId>, Vec<String>), Explanation> {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for text in texts {
        match text.parse::<ResourceId>() {
            Ok(id) if office.systems.iter().any(|system| system.name() == id.system) => {
                inside.push(id);
            }
            _ if ["url:", "host:", "variable:"].iter().any(|prefix| text.starts_with(prefix)) => {
                outside.push(text.clone());
            }
            Ok(id) => {
                return Err(office
                    .system(&id.system)
                    .err()
                    .unwrap_or_else(|| Explanation::new("bad-address", text.clone())));
            }
            Err(error) => {
                return Err(Explanation::new("bad-address", format!("`touches` names `{text}`"))
                    .why(error.why)
                    .next("write an address, or `url:https://…` for something outside"));
            }
        }
    }
    Ok((inside, outside))
}

/// What the systems hold that a change names many things of: one list costs them less than a question for each name.
struct Listing(Vec<ResourceId>);

/// From how many addresses on a system is asked for its list.
const LISTED_FROM: usize = 5;

impl Listing {
    async fn of(office: &Office, specs: &[ActionSpec]) -> Self {
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        let addresses = specs.iter().flat_map(|spec| match &spec.verb {
            Verb::Put { address, .. } | Verb::Delete { address } => vec![address],
            Verb::Set { addresses, .. } => addresses.iter().collect(),
            Verb::Run { .. } | Verb::Manual { .. } => Vec::new(),
        });
        for id in addresses.filter_map(|address| address.parse::<ResourceId>().ok()) {
            let has_ids = seaworthy_core::resource::IDENTIFIED.contains(&id.kind.as_str());
            *named.entry(id.system).or_default() += usize::from(has_ids);
        }
        let mut all = Vec::new();
        for (name, _) in named.into_iter().filter(|(_, count)| *count >= LISTED_FROM) {
            let Ok(system) = office.system(&name) else { continue };
            // Who cannot list is asked for each.
            let listed = system.inventory().await.unwrap_or_default();
            all.extend(listed.into_iter().map(|one| one.resource));
        }
        Self(all)
    }

    async fn address_of(
        &self,
        office: &Office,
        typed: &str,
        must_exist: bool,
    ) -> Result<ResourceId, Explanation> {
        if let Ok(id) = typed.parse::<ResourceId>() {
            let mut fitting = self.0.iter().filter(|one| one.may_be(&id));
            if let (Some(one), None) = (fitting.next(), fitting.next()) {
                return Ok(one.clone());
            }
        }
        address_of(office, typed, must_exist).await
    }
}

/// Finds what an address in a change means: the address itself, else a unique part of one that is there.
///
/// # Errors
///
/// It fits nothing or several.
pub async fn address_of(
    office: &Office,
    typed: &str,
    must_exist: bool,
) -> Result<ResourceId, Explanation> {
    if let Some(id) = shown_at(office, typed) {
        return resolved(office, id).await;
    }
    if let Ok(id) = typed.parse::<ResourceId>() {
        return resolved(office, id).await;
    }
    fitting(typed, &inventory(office).await?, must_exist)
}

/// Finds what the browser shows at a URL of a system's own screen.
fn shown_at(office: &Office, typed: &str) -> Option<ResourceId> {
    if !typed.starts_with("http://") && !typed.starts_with("https://") {
        return None;
    }
    office.systems.iter().find_map(|system| system.address_of_url(typed))
}

/// Finds the full address of what an address means: of a name, the thing that has it, with its id. What is not there
/// stays as it is written.
///
/// # Errors
///
/// Several things have the name, or the system cannot be asked.
pub async fn resolved(office: &Office, id: ResourceId) -> Result<ResourceId, Explanation> {
    let system = office.system_of(&id)?;
    let mut found =
        system.resolve(&id).await.map_err(|fault| failure::system(system.name(), &fault))?;
    match found.len() {
        0 => Ok(id),
        1 => Ok(found.remove(0)),
        _ => fitting(&id.to_string(), &found, true),
    }
}

/// Finds what a person at the command line means: what is there under this address, else whatever a part of its
/// address fits, in any case. An address that nothing is under is returned as it is.
///
/// # Errors
///
/// It fits nothing or several.
pub async fn typed_address(office: &Office, typed: &str) -> Result<ResourceId, Explanation> {
    let whole = shown_at(office, typed).or_else(|| typed.parse::<ResourceId>().ok());
    if let Some(id) = &whole
        && let Ok(system) = office.system(&id.system)
    {
        // Who cannot be asked is asked again, and heard, when it is needed.
        let id = match system.resolve(id).await {
            Ok(_) => resolved(office, id.clone()).await?,
            Err(_) => return Ok(id.clone()),
        };
        if system.observe(&id).await.map_or(true, |seen| seen.doc.is_some()) {
            return Ok(id);
        }
    }
    // A system that cannot be reached keeps nobody from looking at another.
    let mut known = Vec::new();
    for system in office.systems.iter() {
        if let Ok(listed) = system.inventory().await {
            known.extend(listed.into_iter().map(|one| one.resource));
        }
    }
    match (find(typed, known.iter()), whole) {
        (Match::None, Some(id)) => {
            office.system(&id.system)?;
            Ok(id)
        }
        _ => fitting(typed, &known, true),
    }
}

/// Finds the one resource that a text fits.
pub(crate) fn fitting(
    typed: &str,
    known: &[ResourceId],
    must_exist: bool,
) -> Result<ResourceId, Explanation> {
    match find(typed, known.iter()) {
        Match::One(id) => Ok(id),
        Match::None => Err(Explanation::new(
            "address-unknown",
            format!("`{typed}` fits nothing that is there"),
        )
        .why("it is neither an address nor a part of one")
        .next(if must_exist {
            "run `seaworthy doctor` to see the systems, or write the whole address".to_owned()
        } else {
            "write the whole address, `SYSTEM:KIND/PATH`".to_owned()
        })),
        Match::Many(ids) => {
            let more = ids.len().saturating_sub(8);
            let mut error = Explanation::new(
                "address-ambiguous",
                format!("`{typed}` fits {} resources", ids.len()),
            )
            .whys(ids.iter().take(8).map(|id| format!("it fits `{id}`")));
            if more > 0 {
                error = error.why(format!("and {more} more"));
            }
            Err(error.next("write more of the address"))
        }
    }
}

/// Lists the resources of all systems that can be listed.
///
/// # Errors
///
/// A system that cannot be reached.
pub async fn inventory(office: &Office) -> Result<Vec<ResourceId>, Explanation> {
    let mut all = Vec::new();
    for system in office.systems.iter() {
        let can = system
            .capabilities()
            .iter()
            .any(|one| one.feature == Feature::Inventory && one.can == Can::Can);
        if can {
            let listed =
                system.inventory().await.map_err(|fault| failure::system(system.name(), &fault))?;
            all.extend(listed.into_iter().map(|one| one.resource));
        }
    }
    Ok(all)
}

/// A procedure and its undo, with the bytes of the files that they name.
fn procedures(
    office: &Office,
    dossier: &Dossier,
    resource: &ResourceId,
    args: &Map<String, Value>,
) -> Result<(Procedure, Option<Procedure>), Explanation> {
    let kind = office.system_of(resource)?.kind();
    let verb = resource.kind.clone();
    let (takes, undo_is_file): (&[&str], bool) = match (kind, verb.as_str()) {
        ("sql", "migration") => (&["from", "undo"], true),
        ("git", "commit") => (&["paths", "message"], false),
        ("git", "push") => (&["branch", "remote"], false),
        ("site", "deploy") => (&[], false),
        ("shell", "command") => {
            (&["command", "dry_run", "undo", "observe", "expect", "timeout"], false)
        }
        _ => {
            let known = match kind {
                "sql" => "it has `migration`",
                "git" => "it has `commit` and `push`",
                "site" => "it has `deploy`",
                "shell" => "it has `command`",
                _ => "it has none",
            };
            return Err(Explanation::new(
                "unknown-procedure",
                format!("a system of kind `{kind}` has no procedure `{verb}`"),
            )
            .why(known)
            .next("correct `run`, or say what shall be there with `put`, `set` or `delete`"));
        }
    };
    if let Some(key) = args.keys().find(|key| !takes.contains(&key.as_str())) {
        return Err(Explanation::new("change-file", format!("`{resource}` takes no `{key}`"))
            .why(if takes.is_empty() {
                "it takes no keys".to_owned()
            } else {
                format!("it takes {}", takes.join(", "))
            })
            .next("take the line out"));
    }
    let script = |name: &str| -> Result<Procedure, Explanation> {
        let bytes = file(dossier, name)?;
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Explanation::new("file-missing", format!("`{name}` is not text"))
                .why("a migration is a text of SQL statements")
                .next("correct the file")
        })?;
        Ok(Procedure::new(&verb, json!({ "script": text, "from": name })))
    };
    if undo_is_file {
        let from = args.get("from").and_then(Value::as_str).ok_or_else(|| {
            Explanation::new("change-file", format!("`{resource}` does not say which script"))
                .why("a migration needs `from`")
                .next("add `from = \"0007.sql\"`")
        })?;
        let undo = args.get("undo").and_then(Value::as_str).map(script).transpose()?;
        return Ok((script(from)?, undo));
    }
    let mut forward = args.clone();
    let undo = forward.remove("undo").map(|undo| Procedure::new(&verb, json!({ "command": undo })));
    for key in ["command", "dry_run", "observe", "paths"] {
        if let Some(Value::String(text)) = forward.get(key).cloned() {
            forward.insert(key.to_owned(), json!([text]));
        }
    }
    let undo = undo.map(|mut undo| {
        if let Some(Value::String(text)) = undo.args.get("command").cloned() {
            undo.args.insert("command".to_owned(), json!([text]));
        }
        undo
    });
    Ok((Procedure { verb, args: forward }, undo))
}

/// Says who depends on what a plan touches, a line each, at most so many; and how much was looked through.
pub fn reach_in_words(reach: &Reach, now: jiff::Timestamp, most: usize) -> Vec<String> {
    let shown = reach.dependents.iter().take(most);
    let mut lines: Vec<String> = shown.map(dependencies::words::dependent).collect();
    let more = usize::try_from(reach.count).unwrap_or(usize::MAX).saturating_sub(lines.len());
    if more > 0 {
        lines.push(format!("and {more} more; `seaworthy impact ADDRESS` lists them"));
    }
    let looked = dependencies::words::looked(&reach.looked, now);
    lines.push(if reach.count == 0 { format!("nothing that is known; {looked}") } else { looked });
    lines
}

/// Returns what the plan says cannot be undone, for a person.
pub fn irreversible(plan: &Plan) -> Vec<String> {
    plan.actions
        .iter()
        .filter_map(|action| match &action.undo {
            Undo::Impossible(why) => Some(format!("{}: {why}", action.title)),
            Undo::Restore | Undo::Do(_) => None,
        })
        .collect()
}

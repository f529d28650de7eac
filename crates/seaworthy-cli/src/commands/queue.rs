//! `queue`: the deployment queue.

use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Store as _;
use seaworthy_core::ports::Write;
use seaworthy_core::queue::Done;
use seaworthy_core::queue::Item;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::changes;
use serde_json::json;

use crate::commands::plan::make;
use crate::commands::plan::open_change;
use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// The deployment queue: planned changes, in order
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Show what is done, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Puts a change at the end
    Add {
        /// Which change; else the only open one
        change: Option<String>,
    },
    /// Moves a change to another place
    Move {
        /// Which change
        change: String,
        /// Its new place, from 1
        place: usize,
    },
    /// Takes a change out
    Remove {
        /// Which change
        change: String,
    },
    /// Marks a change complete that was shipped by other means
    Done {
        /// Which change
        change: String,
        /// How it was verified
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk =
        globals.open(printer, Opening { reads: args.verb.is_none(), ..Opening::default() }).await?;
    match args.verb {
        None => {}
        Some(Verb::Add { change }) => add(&desk, change.as_deref()).await?,
        Some(Verb::Move { change, place }) => reorder(&desk, &change, place).await?,
        Some(Verb::Remove { change }) => {
            let mut item = one(&desk, &change).await?;
            item.position = None;
            save(&desk, vec![item]).await?;
        }
        Some(Verb::Done { change, note }) => {
            let mut item = one(&desk, &change).await?;
            item.position = None;
            item.done =
                Some(Done { at: desk.office.now(), note: desk.office.redactor.clean(&note) });
            save(&desk, vec![item]).await?;
        }
    }
    show(&desk, args.all).await
}

async fn items(desk: &Desk) -> Result<Vec<Item>, Explanation> {
    desk.store.queue().await.map_err(|error| failure::store(&error))
}

async fn waiting(desk: &Desk) -> Result<Vec<Item>, Explanation> {
    Ok(items(desk).await?.into_iter().filter(|item| item.done.is_none()).collect())
}

async fn save(desk: &Desk, items: Vec<Item>) -> Result<(), Explanation> {
    desk.office
        .commit(items.into_iter().map(|item| Write::Queue(Box::new(item))).collect())
        .await?;
    Ok(())
}

async fn add(desk: &Desk, typed: Option<&str>) -> Result<(), Explanation> {
    let (dossier, mut change) = open_change(desk, typed).await?;
    seaworthy_engine::verbs::ship::may_ship(&change)?;
    let waiting = waiting(desk).await?;
    if waiting.iter().any(|item| item.change == change.name) {
        return Ok(());
    }
    // Only a planned change waits: what it touches is known.
    make(desk, &dossier, &mut change).await?;
    let item = Item {
        change: change.name,
        position: Some(i64::try_from(waiting.len()).unwrap_or(i64::MAX - 1) + 1),
        by: desk.office.actor.clone(),
        since: desk.office.now(),
        done: None,
    };
    save(desk, vec![item]).await
}

async fn one(desk: &Desk, typed: &str) -> Result<Item, Explanation> {
    let name = desk.folder.which(Some(typed), &changes::all(&desk.office).await?)?;
    waiting(desk).await?.into_iter().find(|item| item.change == name).ok_or_else(|| {
        Explanation::new("not-queued", format!("`{name}` does not wait in the queue"))
            .why("it was never put there, or is shipped or taken out already")
            .next(format!("run `seaworthy queue add {name}`"))
    })
}

async fn reorder(desk: &Desk, typed: &str, place: usize) -> Result<(), Explanation> {
    let item = one(desk, typed).await?;
    let mut all = waiting(desk).await?;
    all.retain(|other| other.change != item.change);
    let index = place.saturating_sub(1).min(all.len());
    all.insert(index, item);
    for (position, item) in (1..).zip(all.iter_mut()) {
        item.position = Some(position);
    }
    save(desk, all).await
}

async fn show(desk: &Desk, all: bool) -> Result<u8, Explanation> {
    let items = items(desk).await?;
    let known = changes::all(&desk.office).await?;
    let mut rows = Vec::new();
    let mut above: Vec<(String, Vec<seaworthy_core::resource::Place>)> = Vec::new();
    for item in &items {
        if item.done.is_some() && !all && !desk.printer.json {
            continue;
        }
        let plan =
            known.iter().find(|change| change.name == item.change).and_then(|change| change.plan);
        let summary = match plan {
            Some(digest) => {
                desk.store.plan(&digest).await.map_err(|error| failure::store(&error))?
            }
            None => None,
        };
        let touches: Vec<String> =
            summary.iter().flat_map(|plan| plan.touches.iter().map(ToString::to_string)).collect();
        let places = summary.map(|plan| plan.places).unwrap_or_default();
        // It waits for what stands above it and touches the same places.
        let waits: Vec<String> = above
            .iter()
            .filter(|_| item.done.is_none())
            .filter(|(_, taken)| {
                taken.iter().any(|one| places.iter().any(|other| one.overlaps(other)))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if item.done.is_none() {
            above.push((item.change.clone(), places));
        }
        rows.push((item, touches, waits));
    }
    if desk.printer.json {
        let items: Vec<_> = rows
            .iter()
            .map(|(item, touches, waits)| {
                json!({
                    "change": item.change, "position": item.position, "by": item.by.to_string(), "since": item.since, "touches": touches, "waits_for": waits,
                    "done": item.done.as_ref().map(|done| json!({ "at": done.at, "note": done.note })),
                })
            })
            .collect();
        desk.printer.document(&json!({ "schema": "seaworthy/queue/v1", "items": items }));
        return Ok(0);
    }
    if rows.is_empty() {
        desk.printer.talk("nothing waits; add a change with `seaworthy queue add CHANGE`");
    }
    for (item, touches, waits) in rows {
        let head = match (&item.done, item.position) {
            (Some(done), _) => {
                format!("✓  {}  complete {}: {}", item.change, failure::seconds(done.at), done.note)
            }
            (None, Some(position)) => format!("{position}. {}", item.change),
            (None, None) => item.change.clone(),
        };
        let waits = if waits.is_empty() { "nothing".to_owned() } else { waits.join(", ") };
        desk.printer.data(&format!(
            "{head}\n     by {} since {}\n     touches {}\n     waits for {waits}",
            item.by,
            failure::seconds(item.since),
            if touches.is_empty() {
                "nothing that is known".to_owned()
            } else {
                touches.join(", ")
            },
        ));
    }
    Ok(0)
}

//! `notify`: test a channel, or try again what is not delivered.

use seaworthy_core::explain::Explanation;
use seaworthy_core::notice::Delivery;
use seaworthy_core::notice::Letter;
use seaworthy_core::notice::Notice;
use seaworthy_core::ports::Store as _;
use seaworthy_engine::failure;
use seaworthy_engine::verbs::tell;
use serde_json::json;

use crate::compose::Desk;
use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// Tests the notification channels, or tries again what is not delivered
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Sends a test message to each channel
    Test,
    /// Tries now what is not delivered
    Retry,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    match args.verb {
        Verb::Test => test(&desk).await,
        Verb::Retry => {
            let told = tell::tell(&desk.office, std::time::Duration::from_secs(10), true).await?;
            if printer.json {
                printer.document(&json!({ "schema": "seaworthy/notify/v1", "delivered": told.delivered, "waiting": told.waiting, "refused": told.refused }));
            } else {
                printer.data(&format!(
                    "{} delivered, {} waiting, {} refused",
                    told.delivered, told.waiting, told.refused
                ));
            }
            Ok(u8::from(told.waiting + told.refused > 0))
        }
    }
}

async fn test(desk: &Desk) -> Result<u8, Explanation> {
    let checkpoint =
        desk.store.checkpoint().await.map_err(|error| failure::store(&error))?.unwrap_or_default();
    let channels = desk.office.notifier.channels();
    if channels.is_empty() {
        return Err(Explanation::new("notify-failed", "`seaworthy.toml` names no channel")
            .why("there is no [notify.NAME] in it")
            .next("run `seaworthy add discord`"));
    }
    for channel in &channels {
        let letter = Letter {
            id: 0,
            channel: channel.clone(),
            notice: Notice {
                change: "test".to_owned(),
                run: "test".to_owned(),
                scope: format!("A test message from workspace {}", desk.settings.name),
                by: desk.office.actor.to_string(),
                at: desk.office.now(),
                outcome: "test".to_owned(),
                systems: vec![],
                affected: vec![],
                diff: String::new(),
                checks: vec![],
                notes: vec![],
            },
            checkpoint: checkpoint.clone(),
            tries: 0,
            not_before: desk.office.now(),
            delivered: None,
            problem: None,
        };
        match desk.office.notifier.deliver(&letter).await {
            Delivery::Delivered if desk.printer.json => {}
            Delivery::Delivered => desk.printer.data(&format!("✓ {channel}")),
            Delivery::Later { after_ms: _, why } | Delivery::Refused(why) => {
                return Err(Explanation::new(
                    "notify-failed",
                    format!("channel `{channel}` does not take messages"),
                )
                .why(desk.office.redactor.clean(&why))
                .next("correct its URL, then run `seaworthy notify test` again"));
            }
        }
    }
    if desk.printer.json {
        desk.printer
            .document(&json!({ "schema": "seaworthy/notify/v1", "delivered": channels.len(), "waiting": 0, "refused": 0, "tested": channels }));
    }
    Ok(0)
}

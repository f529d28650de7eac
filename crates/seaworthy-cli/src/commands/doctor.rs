//! `doctor`: can everything be used, and for what?

use owo_colors::OwoColorize as _;
use seaworthy_core::capability::Can;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Secrets as _;
use seaworthy_core::ports::Store as _;
use seaworthy_core::workspace::NotifyKind;
use seaworthy_engine::failure;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer::Printer;

/// Each system: reachable, allowed, what it can and cannot do; notifications, store, keys, ledger
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(
    _args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening::default()).await?;
    let mut bad = Vec::new();
    let mut systems = Vec::new();
    for system in desk.office.systems.iter() {
        let seen = system.examine().await;
        let (ok, note) = match &seen {
            Ok(note) => (true, note.clone()),
            Err(fault) => {
                bad.push(format!("{}: {}", system.name(), fault.lines().join(": ")));
                (false, fault.lines().join(": "))
            }
        };
        let capabilities = system.capabilities();
        let sign = if ok { "✓".green().to_string() } else { "✗".red().to_string() };
        if !printer.json {
            printer.data(&format!("{sign} {} ({})  {note}", system.name().bold(), system.kind()));
            let can: Vec<&str> = capabilities
                .iter()
                .filter(|one| one.can == Can::Can)
                .map(|one| one.feature.words())
                .collect();
            printer.data(&format!(
                "    can: {}",
                if can.is_empty() { "nothing".to_owned() } else { can.join(", ") }
            ));
            for one in &capabilities {
                match &one.can {
                    Can::Can => {}
                    Can::Cannot(why) => {
                        printer.data(&format!("    cannot {}: {why}", one.feature.words()));
                    }
                    Can::Untested => {
                        printer.data(&format!("    untested: {}", one.feature.words()));
                    }
                }
            }
        }
        systems.push(json!({ "name": system.name(), "kind": system.kind(), "ok": ok, "note": note, "capabilities": capabilities }));
    }
    let mut channels = Vec::new();
    for notify in &desk.settings.notify {
        let NotifyKind::Discord { url } = &notify.kind;
        let resolved = desk.resolver.resolve(url).await;
        let ok = resolved.is_ok();
        let note = match resolved {
            Ok(_) => "its address is known; `seaworthy notify test` sends a message".to_owned(),
            Err(fault) => {
                bad.push(format!("notification {}: {}", notify.name, fault.lines().join(": ")));
                fault.lines().join(": ")
            }
        };
        if !printer.json {
            let sign = if ok { "✓".green().to_string() } else { "✗".red().to_string() };
            printer.data(&format!("{sign} {} (notification)  {note}", notify.name.bold()));
        }
        channels.push(json!({ "name": notify.name, "ok": ok, "note": note }));
    }
    let entries = desk
        .store
        .entries(&seaworthy_core::ports::EntryFilter::default())
        .await
        .map_err(|error| failure::store(&error))?;
    if printer.json {
        printer.document(&json!({
            "schema": "seaworthy/doctor/v1", "ok": bad.is_empty(), "systems": systems, "notifications": channels,
            "store": { "folder": desk.folder.state(), "entries": entries.len() }, "keys": { "folder": desk.keys },
        }));
    } else {
        printer.data(&format!(
            "{} store  {} entries in the ledger; `seaworthy log verify` proves them",
            "✓".green(),
            entries.len()
        ));
        printer.data(&format!("{} keys   {}", "✓".green(), desk.keys.display()));
    }
    if bad.is_empty() || printer.json {
        return Ok(u8::from(!bad.is_empty()));
    }
    Err(Explanation::new("doctor", format!("{} parts cannot be used", bad.len()))
        .whys(bad)
        .next("mend them, then run `seaworthy doctor` again"))
}

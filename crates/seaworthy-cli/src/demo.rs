//! `demo`: a complete workspace with real local systems, one change that ships and one that fails and is rolled back.
//!
//! Every step runs this very program, as a person would type it, and shows what it says.

mod build;
mod serve;

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use owo_colors::OwoColorize as _;
use seaworthy_core::explain::Explanation;

use crate::printer::Printer;

/// A complete workspace in a temporary folder: one change ships, one fails and is rolled back
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build it in this folder (it must be empty or new)
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Only build the workspace, for a site that is served at this URL
    #[arg(long, value_name = "URL", hide = true)]
    prepare: Option<String>,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<u8, Explanation> {
    let started = Instant::now();
    let folder = place(args.keep.as_deref())?;
    if let Some(url) = &args.prepare {
        build::workspace(&folder, url, &format!("{url}/api/webhooks/1/demo")).await?;
        printer.data(&folder.display().to_string());
        return Ok(0);
    }
    let site = serve::site(folder.join("www/current")).await?;
    let receiver = serve::receiver().await?;
    let with_git = build::workspace(&folder, &site.url, &receiver.webhook()).await?;
    let talk = |text: &str| printer.talk(text);
    talk(&format!("{}\n", "Seaworthy, in one minute".bold()));
    talk(&format!("A small business in {}:", folder.display()));
    talk(&format!("  a site, served at {}", site.url));
    talk("  crm.db, a SQLite database with 124 clients");
    talk("  flows/, the exported n8n workflow of the Venus intake form");
    talk(if with_git {
        "  site/, a git repository with a remote"
    } else {
        "  (git is not on this machine: that part is left out)"
    });
    talk("  a receiver that stands where Discord's #deployments would be\n");
    let step = Step { folder: &folder, printer };

    talk(&heading("1. A change, taken through the whole runbook"));
    step.run(&["plan", build::GOOD]).await?;
    step.run(&["ship", build::GOOD, "--yes"]).await?;

    talk(&heading("2. A change that breaks the page: caught, and rolled back"));
    step.run(&["ship", build::BAD, "--yes"]).await?;

    talk(&heading("3. What is left: a log that proves itself"));
    step.run(&["log"]).await?;
    let notices = receiver.save(&folder.join("notifications"))?;
    talk(&format!(
        "{notices} notifications came in; each bears the ledger's checkpoint, so the channel is a witness\n"
    ));
    let newest = format!("notifications/{notices}.json");
    step.run(&["log", "verify", "--witness", &newest]).await?;
    step.run(&["status"]).await?;

    talk(&heading("What to try next"));
    talk(&format!("  cd {}", folder.display()));
    talk(&format!(
        "  seaworthy lesson {} \"The form tag was lost in the rewrite; a check now looks for it\"",
        build::BAD
    ));
    talk("  seaworthy show run-2                 what happened, step by step");
    talk("  seaworthy rollback run-1 --dry-run   what undoing the first change would do");
    talk("  seaworthy blame flows:file/venus-intake.json");
    talk("  seaworthy doctor                     what each system can and cannot do");
    talk("\n(The site is no longer served once this ends, so its checks would fail now.)");
    talk(&format!(
        "\nbuilt, shipped, broken and rolled back in {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    Ok(0)
}

fn heading(text: &str) -> String {
    format!("\n{}\n", text.bold().underline())
}

/// Makes the folder; one that holds something is refused.
fn place(keep: Option<&Path>) -> Result<PathBuf, Explanation> {
    let failed = |error: &std::io::Error| {
        Explanation::new("file-failed", "the demo's folder cannot be made")
            .because(error)
            .next("name another with `--keep DIR`")
    };
    let folder = match keep {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
            if std::fs::read_dir(folder).map_err(|error| failed(&error))?.next().is_some() {
                return Err(Explanation::new(
                    "not-empty",
                    format!("`{}` is not empty", folder.display()),
                )
                .why("the demo never writes over what is there")
                .next("name an empty folder, or leave `--keep` out"));
            }
            folder.to_owned()
        }
        None => tempfile::Builder::new()
            .prefix("seaworthy-demo-")
            .tempdir()
            .map_err(|error| failed(&error))?
            .keep(),
    };
    folder.canonicalize().map_err(|error| failed(&error))
}

/// Runs this program as a person would.
struct Step<'a> {
    folder: &'a Path,
    printer: &'a Printer,
}

impl Step<'_> {
    async fn run(&self, words: &[&str]) -> Result<(), Explanation> {
        let shown: Vec<String> = words
            .iter()
            .map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() })
            .collect();
        self.printer.talk(&format!("{} {}", "$ seaworthy".dimmed(), shown.join(" ").bold()));
        let failed = |error: &std::io::Error| {
            Explanation::new("internal", "the demo cannot run itself")
                .because(error)
                .next("report this")
        };
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(words)
            .current_dir(self.folder)
            .env("SEAWORTHY_ACTOR", "you@example.com")
            .stdin(std::process::Stdio::null());
        let status = command.status().await.map_err(|error| failed(&error))?;
        if let Some(code) = status.code().filter(|code| *code != 0) {
            self.printer.talk(&format!("{}", format!("(exit code {code})").dimmed()));
        }
        self.printer.talk("");
        Ok(())
    }
}

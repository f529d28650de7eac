//! The only place that prints. Data goes to standard output, talk to standard error; known secrets go nowhere.

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use owo_colors::OwoColorize as _;
use seaworthy_core::explain::Explanation;
use seaworthy_core::redact::Redactor;
use serde_json::Value;

/// Prints, as the user asked for it.
#[derive(Clone)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) redactor: Arc<Redactor>,
}

impl Printer {
    pub(crate) fn new(json: bool, plain: bool) -> Self {
        if plain {
            anstream::ColorChoice::Never.write_global();
        }
        Self { json, redactor: Arc::default() }
    }

    /// Prints data: a line, or several.
    pub(crate) fn data(&self, text: &str) {
        let clean = self.redactor.clean(text);
        // A reader that closes the pipe early is no error.
        let _closed = writeln!(anstream::stdout(), "{}", clean.trim_end_matches('\n'));
    }

    /// Prints data as it is, without a newline at its end.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let _closed = std::io::stdout().write_all(bytes);
    }

    /// Prints talk. With `--json` there is none.
    pub(crate) fn talk(&self, text: &str) {
        if !self.json {
            let clean = self.redactor.clean(text);
            let _closed = writeln!(anstream::stderr(), "{}", clean.trim_end_matches('\n'));
        }
    }

    /// Prints a JSON document, or a line of JSON Lines.
    pub(crate) fn document(&self, document: &Value) {
        let clean = self.redactor.clean_json(document);
        let _closed = writeln!(std::io::stdout(), "{clean}");
    }

    /// Prints a failure and returns its exit code.
    pub(crate) fn failure(&self, explanation: &Explanation) -> ExitCode {
        if self.json {
            self.document(&explanation.to_json());
        } else {
            let text = self.redactor.clean(&explanation.to_text());
            let _closed = write!(anstream::stderr(), "{}", colour(&text));
        }
        ExitCode::from(explanation.exit_code())
    }
}

fn colour(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once(": ") {
            Some((label, rest)) if label.starts_with("error[") => {
                format!("{}: {}\n", label.red().bold(), rest.bold())
            }
            Some((label, rest)) if ["why", "state", "next"].contains(&label.trim()) => {
                format!("{}: {rest}\n", label.bold())
            }
            _ => format!("{line}\n"),
        })
        .collect()
}

/// Answers `--version`.
pub(crate) fn version() -> ExitCode {
    let _closed = writeln!(std::io::stdout(), "seaworthy {}", env!("CARGO_PKG_VERSION"));
    ExitCode::SUCCESS
}

/// Prints what clap has to say: help on standard output, a mistake on standard error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let explanation = Explanation::new("usage", "the command line was not understood")
            .whys(text.lines().filter(|line| !line.trim().is_empty()).take(3).map(str::to_owned))
            .next("run `seaworthy help`");
        let _closed = writeln!(std::io::stdout(), "{}", explanation.to_json());
    } else {
        let _closed = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Tells whether somebody sits at the terminal: prompts need both ends.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

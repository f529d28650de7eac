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
    /// Whether nothing may move on the screen.
    pub(crate) plain: bool,
    pub(crate) redactor: Arc<Redactor>,
}

impl Printer {
    pub(crate) fn new(json: bool, plain: bool) -> Self {
        if plain {
            anstream::ColorChoice::Never.write_global();
            inquire::set_global_render_config(inquire::ui::RenderConfig::empty());
        }
        Self { json, plain, redactor: Arc::default() }
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
            Some((label, rest)) if label.starts_with("error[") || label.starts_with("warning[") => {
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
    use clap::error::ErrorKind;
    // Without any word, clap's answer is the help; it is asked for by nobody, so it goes to standard error.
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || is_help {
        let _closed = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let given = |flag: &str| std::env::args_os().any(|word| word == flag);
    Printer::new(given("--json"), given("--plain")).failure(&misunderstood(error))
}

/// Says a mistake on the command line in the four lines of every failure.
fn misunderstood(error: &clap::Error) -> Explanation {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let what = lines.next().unwrap_or_default().trim_start_matches("error: ").replace('\'', "`");
    let mut explanation = Explanation::new("usage", what.trim_end_matches(':'));
    for line in lines {
        let line = line.replace('\'', "`");
        explanation = match line.split_once(": ") {
            Some(("Usage", usage)) => explanation.next(format!("write `{usage}`")),
            Some(("tip", tip)) => explanation.next(tip),
            _ if line.starts_with("For more information") => explanation,
            _ => explanation.why(line),
        };
    }
    let verb = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let known = verb.filter(|verb| crate::arguments::is_verb(verb));
    explanation.next(match known {
        Some(verb) => format!("run `seaworthy {verb} --help`"),
        None => "run `seaworthy help` to see every verb".to_owned(),
    })
}

/// Explains a panic.
pub(crate) fn bug() -> Explanation {
    Explanation::new("internal", "Seaworthy met a bug of its own and stopped")
        .why("the message above says where")
        .why("a run that was under way is in its journal, step by step")
        .next("run `seaworthy status`; it says whether a run is to be resumed")
        .next("report the message above and the command that you typed")
}

/// Tells whether somebody sits at the terminal: prompts need both ends.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

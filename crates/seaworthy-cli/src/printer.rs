//! The only place that prints. Data goes to standard output, talk to standard error; known secrets go nowhere.

use std::io::IsTerminal as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::OnceLock;

use owo_colors::OwoColorize as _;
use seaworthy_core::explain::Explanation;
use seaworthy_core::explain::World;
use seaworthy_core::redact::Redactor;
use serde_json::Value;

/// Prints, as the user asked for it.
#[derive(Clone)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    /// Whether nothing may move on the screen.
    pub(crate) plain: bool,
    pub(crate) redactor: Arc<Redactor>,
    lost: Lost,
}

/// The first reason why data could not be printed, if there was one.
#[derive(Clone, Debug, Default)]
struct Lost(Arc<OnceLock<std::io::Error>>);

impl Lost {
    /// Keeps the reason. Tells whether all is well; a reader that closes the pipe early is no error, yet is not well.
    fn keep(&self, written: std::io::Result<()>) -> bool {
        match written {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::BrokenPipe {
                    // Whatever follows the first one follows from it.
                    let _later = self.0.set(error);
                }
                false
            }
        }
    }
}

/// How much of a stream is gathered before it is written.
const STREAM_BYTES: usize = 64 << 10;

/// Data that is printed as it comes.
pub(crate) struct Stream {
    out: Option<std::io::BufWriter<Box<dyn std::io::Write>>>,
    lost: Lost,
}

impl Stream {
    /// Prints lines. Tells whether anybody still reads; one who closes the pipe early is no error.
    pub(crate) fn write(&mut self, lines: &[u8]) -> bool {
        let written = self.out.as_mut().map(|out| out.write_all(lines).and_then(|()| out.flush()));
        if !written.is_some_and(|written| self.lost.keep(written)) {
            self.out = None;
        }
        self.out.is_some()
    }
}

impl Printer {
    pub(crate) fn new(json: bool, plain: bool) -> Self {
        if plain {
            anstream::ColorChoice::Never.write_global();
            inquire::set_global_render_config(inquire::ui::RenderConfig::empty());
        }
        Self { json, plain, redactor: Arc::default(), lost: Lost::default() }
    }

    /// Prints data: a line, or several.
    pub(crate) fn data(&self, text: &str) {
        let clean = self.redactor.clean(text);
        self.lost.keep(writeln!(anstream::stdout(), "{}", clean.trim_end_matches('\n')));
    }

    /// Prints data as it is, without a newline at its end.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        self.lost.keep(std::io::stdout().write_all(bytes));
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
        self.lost.keep(writeln!(std::io::stdout(), "{clean}"));
    }

    /// Opens a stream of data, for an answer of any length. What goes through it holds no secrets of a workspace.
    pub(crate) fn stream(&self) -> Stream {
        let out: Box<dyn std::io::Write> = if self.json {
            Box::new(std::io::stdout().lock())
        } else {
            Box::new(anstream::stdout().lock())
        };
        let out = Some(std::io::BufWriter::with_capacity(STREAM_BYTES, out));
        Stream { out, lost: self.lost.clone() }
    }

    /// Prints a failure and returns its exit code.
    pub(crate) fn failure(&self, explanation: &Explanation) -> u8 {
        if self.json {
            self.document(&explanation.to_json());
        } else {
            self.failure_as_text(explanation);
        }
        explanation.exit_code()
    }

    fn failure_as_text(&self, explanation: &Explanation) {
        let text = self.redactor.clean(&explanation.to_text());
        let _closed = write!(anstream::stderr(), "{}", colour(&text));
    }

    /// Ends with this exit code, unless data could not be printed: who reads a part of an answer must not take it for
    /// the answer. What a run did to the outside world is said by its own code all the same.
    pub(crate) fn end(&self, code: u8) -> ExitCode {
        self.lost.keep(std::io::stdout().flush());
        let Some(error) = self.lost.0.get() else { return ExitCode::from(code) };
        let explanation = lost_output(error, code);
        // Standard output is where it fails, so it is said on the other one, with `--json` too.
        self.failure_as_text(&explanation);
        ExitCode::from(if is_answer(code) { explanation.exit_code() } else { code })
    }
}

/// Tells whether a code says that there is a whole answer: done, or differences found.
fn is_answer(code: u8) -> bool {
    matches!(code, 0 | 3)
}

fn lost_output(error: &std::io::Error, code: u8) -> Explanation {
    let state = if is_answer(code) {
        "what was to be done is done; only the answer is cut off".to_owned()
    } else {
        format!("the answer is cut off; the exit code {code} says how the command ended")
    };
    Explanation::new("output-failed", "standard output could not be written")
        .because(error)
        .world(World::AsAsked(state))
        .next("make room where the output goes, or send it elsewhere")
        .next("run `seaworthy status` if the command was to change something; else run it again")
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

/// Returns a text that came from outside as it may be shown: what would move the cursor, colour the screen or turn the
/// direction of writing stands as a mark, and all of it in one line.
pub(crate) fn harmless(text: &str) -> String {
    let harm = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(harm) {
        return text.to_owned();
    }
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => ' ',
            letter if harm(letter) => '\u{fffd}',
            letter => letter,
        })
        .collect()
}

/// Answers `--version`.
pub(crate) fn version() -> ExitCode {
    let printer = Printer::new(false, false);
    printer.lost.keep(writeln!(std::io::stdout(), "seaworthy {}", env!("CARGO_PKG_VERSION")));
    printer.end(0)
}

/// Prints what clap has to say: help on standard output, a mistake on standard error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if !error.use_stderr() {
        let printer = Printer::new(false, false);
        printer.lost.keep(error.print());
        return printer.end(0);
    }
    let given = |flag: &str| std::env::args_os().any(|word| word == flag);
    // Without a verb, the answer is the help; nobody asked for it, so it goes to standard error.
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand
    );
    if is_help && !given("--json") {
        let _closed =
            write!(anstream::stderr(), "{}", crate::arguments::help_of(first_word()).ansi());
        return ExitCode::from(2);
    }
    let printer = Printer::new(given("--json"), given("--plain"));
    printer.end(printer.failure(&misunderstood(error)))
}

/// Returns the first word of the command line that is no flag: the verb, if all is well.
fn first_word() -> Option<String> {
    std::env::args().skip(1).find(|word| !word.starts_with('-'))
}

/// Says a mistake on the command line in the four lines of every failure.
fn misunderstood(error: &clap::Error) -> Explanation {
    use clap::error::ErrorKind;
    let text = backticks(&error.render().to_string());
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let what = what.trim_end_matches(':');
    let mut explanation = match what.split_once(": ") {
        Some((what, why)) => Explanation::new("usage", what).why(why),
        None => Explanation::new("usage", what),
    };
    let mut ways = Vec::new();
    for line in lines {
        match line.split_once(": ") {
            Some(("Usage", usage)) => {
                // clap counts what a variable of the environment gives among the words that were typed.
                ways.push(format!("write `{}`", usage.replace(" --as <ACTOR>", "")));
            }
            Some(("tip", tip)) => ways.push(tip.to_owned()),
            _ if line.starts_with("For more information") => {}
            _ => explanation = explanation.why(line.trim_matches(['[', ']'])),
        }
    }
    if explanation.parts().why.is_empty() {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "clap has many kinds; these two have words of ours"
        )]
        let why = match error.kind() {
            ErrorKind::UnknownArgument => "there is no such flag, or one word too many",
            ErrorKind::InvalidSubcommand => "it is no verb",
            _ => "something is missing",
        };
        explanation = explanation.why(why);
    }
    explanation = ways.into_iter().fold(explanation, Explanation::next);
    explanation.next(match first_word().filter(|verb| crate::arguments::is_verb(verb)) {
        Some(verb) => format!("run `seaworthy {verb} --help`"),
        None => "run `seaworthy help` to see every verb".to_owned(),
    })
}

/// Writes names as we write them: clap sets them in apostrophes. One inside a word is left.
fn backticks(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_letter = |index: Option<usize>| {
        index.and_then(|index| letters.get(index)).is_some_and(|letter| letter.is_alphanumeric())
    };
    let inside = |index: usize| is_letter(index.checked_sub(1)) && is_letter(Some(index + 1));
    let swap = |(index, letter): (usize, &char)| match letter {
        '\'' if !inside(index) => '`',
        other => *other,
    };
    letters.iter().enumerate().map(swap).collect()
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

//! The command line. What is written here is a contract: add to it, do not break it.

use std::path::PathBuf;

use clap::Parser;
use clap::Subcommand;

use crate::commands;

/// Ship with intention: a deployment runbook that carries itself out.
#[derive(Debug, Parser)]
#[command(
    name = "seaworthy",
    bin_name = "seaworthy",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(
    after_help = "Begin with `seaworthy demo`, or with `seaworthy init` in the folder of your project."
)]
pub(crate) struct Arguments {
    /// The workspace's folder; else the nearest one above that holds `seaworthy.toml`
    #[arg(long, global = true, help_heading = "With every verb", value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// One JSON document, or JSON Lines where it streams
    #[arg(long, global = true, help_heading = "With every verb")]
    pub(crate) json: bool,
    /// No colour and no moving progress
    #[arg(long, global = true, help_heading = "With every verb")]
    pub(crate) plain: bool,
    /// Who does this, if not you as git or the system knows you
    #[arg(
        long = "as",
        global = true,
        help_heading = "With every verb",
        value_name = "ACTOR",
        env = "SEAWORTHY_ACTOR",
        hide_env_values = true
    )]
    pub(crate) actor: Option<String>,
    /// What to do
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(commands::init::Args),
    Add(commands::add::Args),
    Secret(commands::secret::Args),
    Demo(crate::demo::Args),
    Doctor(commands::doctor::Args),
    New(commands::new::Args),
    Edit(commands::edit::Args),
    List(commands::list::Args),
    Index(commands::index::Args),
    Impact(commands::impact::Args),
    Lint(commands::lint::Args),
    Check(commands::check::Args),
    Scan(commands::scan::Args),
    Withdraw(commands::withdraw::Args),
    Plan(commands::plan::Args),
    Backup(commands::backup::Args),
    Backups(commands::backups::Args),
    Restore(commands::restore::Args),
    Capture(commands::capture::Args),
    Rehearse(commands::rehearse::Args),
    Ship(commands::ship::Args),
    Verify(commands::verify::Args),
    Rollback(commands::rollback::Args),
    Lesson(commands::lesson::Args),
    Review(commands::review::Args),
    Resume(commands::resume::Args),
    Supervise(commands::supervise::Args),
    Settle(commands::settle::Args),
    Queue(commands::queue::Args),
    Log(commands::log::Args),
    Decide(commands::decide::Args),
    Decisions(commands::decisions::Args),
    Note(commands::note::Args),
    Blame(commands::blame::Args),
    Diff(commands::diff::Args),
    Status(commands::status::Args),
    Show(commands::show::Args),
    Notify(commands::notify::Args),
    Store(commands::store::Args),
    Explain(commands::explain::Args),
    Completions(commands::completions::Args),
}

/// Tells whether a word is a verb.
pub(crate) fn is_verb(word: &str) -> bool {
    use clap::CommandFactory as _;
    Arguments::command().find_subcommand(word).is_some()
}

/// Returns the help of a verb, or of the whole.
pub(crate) fn help_of(verb: Option<String>) -> clap::builder::StyledStr {
    use clap::CommandFactory as _;
    let mut all = Arguments::command();
    all.build();
    match verb.and_then(|verb| all.find_subcommand_mut(verb).cloned()) {
        Some(mut verb) => verb.render_help(),
        None => all.render_help(),
    }
}

/// Reads the command line.
pub(crate) fn parse() -> Result<Arguments, clap::Error> {
    Arguments::try_parse()
}

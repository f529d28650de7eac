//! The verbs of the command line, one a file.

pub(crate) mod adapting;
pub(crate) mod add;
pub(crate) mod backup;
pub(crate) mod backups;
pub(crate) mod blame;
pub(crate) mod capture;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod decide;
pub(crate) mod decisions;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod edit;
pub(crate) mod explain;
pub(crate) mod from_folder;
pub(crate) mod impact;
pub(crate) mod index;
pub(crate) mod init;
pub(crate) mod lesson;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod new;
pub(crate) mod note;
pub(crate) mod notify;
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod rehearse;
pub(crate) mod restore;
pub(crate) mod resume;
pub(crate) mod review;
pub(crate) mod rollback;
pub(crate) mod scan;
pub(crate) mod secret;
pub(crate) mod settle;
pub(crate) mod ship;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod supervise;
pub(crate) mod verify;
pub(crate) mod withdraw;

use seaworthy_core::explain::Explanation;

use crate::arguments::Arguments;
use crate::arguments::Verb;
use crate::compose::Globals;
use crate::printer::Printer;

/// Runs a verb; returns the exit code.
///
/// # Errors
///
/// Whatever kept it from doing what was asked.
pub(crate) fn run(arguments: Arguments, printer: &Printer) -> Result<u8, Explanation> {
    let globals = Globals::of(&arguments);
    // These need neither a workspace nor a runtime.
    if let Verb::Explain(args) = &arguments.verb {
        return explain::run(args, printer);
    }
    if let Verb::Completions(args) = &arguments.verb {
        return Ok(completions::run(args, printer));
    }
    if let Verb::Scan(args) = &arguments.verb {
        return scan::run(args, printer);
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Explanation::new("internal", "the runtime cannot start")
                .because(&error)
                .next("report this with the command that you typed")
        })?;
    // The future of all verbs together is large; on the heap it does not matter.
    let ended = runtime.block_on(Box::pin(verb(arguments.verb, &globals, printer)));
    if crate::signals::were_heard() {
        // What somebody stopped may still wait for an answer that never comes.
        runtime.shutdown_background();
    }
    ended
}

async fn verb(verb: Verb, globals: &Globals, printer: &Printer) -> Result<u8, Explanation> {
    match verb {
        Verb::Init(args) => Box::pin(init::run(args, globals, printer)).await,
        Verb::Add(args) => Box::pin(add::run(args, globals, printer)).await,
        Verb::Secret(args) => Box::pin(secret::run(args, globals, printer)).await,
        Verb::Demo(args) => Box::pin(crate::demo::run(args, printer)).await,
        Verb::Doctor(args) => Box::pin(doctor::run(args, globals, printer)).await,
        Verb::New(args) => Box::pin(new::run(args, globals, printer)).await,
        Verb::Edit(args) => Box::pin(edit::run(args, globals, printer)).await,
        Verb::List(args) => Box::pin(list::run(args, globals, printer)).await,
        Verb::Impact(args) => Box::pin(impact::run(args, globals, printer)).await,
        Verb::Lint(args) => Box::pin(lint::run(args, globals, printer)).await,
        Verb::Index(args) => Box::pin(index::run(args, globals, printer)).await,
        Verb::Check(args) => Box::pin(check::run(args, globals, printer)).await,
        Verb::Withdraw(args) => Box::pin(withdraw::run(args, globals, printer)).await,
        Verb::Plan(args) => Box::pin(plan::run(args, globals, printer)).await,
        Verb::Backup(args) => Box::pin(backup::run(args, globals, printer)).await,
        Verb::Backups(args) => Box::pin(backups::run(args, globals, printer)).await,
        Verb::Restore(args) => Box::pin(restore::run(args, globals, printer)).await,
        Verb::Capture(args) => Box::pin(capture::run(args, globals, printer)).await,
        Verb::Rehearse(args) => Box::pin(rehearse::run(args, globals, printer)).await,
        Verb::Ship(args) => Box::pin(ship::run(args, globals, printer)).await,
        Verb::Verify(args) => Box::pin(verify::run(args, globals, printer)).await,
        Verb::Rollback(args) => Box::pin(rollback::run(args, globals, printer)).await,
        Verb::Lesson(args) => Box::pin(lesson::run(args, globals, printer)).await,
        Verb::Review(args) => Box::pin(review::run(args, globals, printer)).await,
        Verb::Resume(args) => Box::pin(resume::run(args, globals, printer)).await,
        Verb::Supervise(args) => Box::pin(supervise::run(args, globals, printer)).await,
        Verb::Settle(args) => Box::pin(settle::run(args, globals, printer)).await,
        Verb::Queue(args) => Box::pin(queue::run(args, globals, printer)).await,
        Verb::Log(args) => Box::pin(log::run(args, globals, printer)).await,
        Verb::Decide(args) => Box::pin(decide::run(args, globals, printer)).await,
        Verb::Decisions(args) => Box::pin(decisions::run(args, globals, printer)).await,
        Verb::Note(args) => Box::pin(note::run(args, globals, printer)).await,
        Verb::Blame(args) => Box::pin(blame::run(args, globals, printer)).await,
        Verb::Diff(args) => Box::pin(diff::run(args, globals, printer)).await,
        Verb::Status(args) => Box::pin(status::run(args, globals, printer)).await,
        Verb::Show(args) => Box::pin(show::run(args, globals, printer)).await,
        Verb::Notify(args) => Box::pin(notify::run(args, globals, printer)).await,
        Verb::Store(args) => Box::pin(store::run(args, globals, printer)).await,
        Verb::Scan(args) => scan::run(&args, printer),
        Verb::Explain(args) => explain::run(&args, printer),
        Verb::Completions(args) => Ok(completions::run(&args, printer)),
    }
}

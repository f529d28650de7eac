//! Whoever sits at the terminal.

use seaworthy_core::actor::Actor;
use seaworthy_core::actor::Kind;
use seaworthy_core::explain::Explanation;
use seaworthy_core::ports::Person;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Task;

use crate::commands::ship;
use crate::printer;
use crate::signals;

/// Asks at the terminal, if there is one; with `--confirm` every task is answered yes.
pub(crate) struct Terminal {
    /// The answer to tasks that a person has done already.
    pub(crate) confirm: bool,
    /// Whether prompts are wanted at all.
    pub(crate) prompts: bool,
}

impl Person for Terminal {
    fn ask<'a>(&'a self, question: &'a str) -> Task<'a, Option<Said>> {
        Box::pin(async move {
            if self.confirm {
                return Some(Said {
                    yes: true,
                    sentence: "confirmed on the command line".to_owned(),
                });
            }
            if !self.prompts || !printer::is_interactive() {
                return None;
            }
            let question = question.to_owned();
            signals::unless_stopped(move || answer(&question)).await
        })
    }
}

/// Refuses what only a person at a terminal may do.
///
/// On one machine this is a guard, not a wall: who sits at the terminal is taken as said.
///
/// # Errors
///
/// The actor is no person, or there is no terminal.
pub(crate) fn needed(actor: &Actor, what: &str) -> Result<(), Explanation> {
    let why = match actor.kind {
        Kind::Agent | Kind::Ci => format!("{actor} is no person"),
        Kind::Person if printer::is_interactive() => return Ok(()),
        Kind::Person if std::env::var_os(ship::DETACHED).is_some() => return Ok(()),
        Kind::Person => "there is no terminal, so nobody can tell that a person asks".to_owned(),
    };
    Err(Explanation::new("needs-person", format!("only a person at a terminal may {what}"))
        .why(why)
        .next_by_person("ask a person to run the same command in a terminal"))
}

fn answer(question: &str) -> Result<Said, inquire::InquireError> {
    let yes = inquire::Confirm::new(question).with_default(false).prompt()?;
    let sentence = inquire::Text::new("In a sentence:").prompt()?;
    Ok(Said { yes, sentence })
}

/// Asks a yes or no, with no for an answer where nobody sits.
pub(crate) fn confirm(question: &str) -> bool {
    printer::is_interactive()
        && inquire::Confirm::new(question).with_default(false).prompt().unwrap_or(false)
}

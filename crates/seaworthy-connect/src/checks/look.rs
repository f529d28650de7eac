//! A person looks, and answers with a sentence.

use seaworthy_core::check::Seen;
use seaworthy_core::ports::Person;
use seaworthy_core::ports::Said;
use seaworthy_core::ports::Task;

use super::Probes;

/// Nobody: there is no terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Person for Nobody {
    fn ask<'a>(&'a self, _question: &'a str) -> Task<'a, Option<Said>> {
        Box::pin(async { None })
    }
}

impl Probes {
    pub(super) async fn ask(&self, question: &str) -> Seen {
        match self.person.ask(question).await {
            Some(Said { yes, sentence }) => Seen::Said { yes, sentence },
            None => Seen::Unable("there is no terminal to ask on".to_owned()),
        }
    }
}

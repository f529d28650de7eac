//! A command that must end well.

use std::time::Duration;

use seaworthy_core::check::Seen;
use seaworthy_core::ids::RunId;

use super::Probes;
use super::in_one_line;
use crate::process::Command;

/// The variable that tells a command which run asks.
const RUN_VARIABLE: &str = "SEAWORTHY_RUN";

impl Probes {
    /// Runs the command in the workspace's folder.
    pub(super) async fn command(
        &self,
        words: &[String],
        within: Duration,
        run: Option<RunId>,
    ) -> Seen {
        let run = run.map(|run| run.to_string());
        let mut command = Command::new(&self.folder, words).timeout(Duration::MAX);
        if let Some(run) = &run {
            command = command.variable(RUN_VARIABLE, run);
        }
        // The time is kept here and not by `Command`, so that running out of it is told from not starting at all.
        match tokio::time::timeout(within, command.run()).await {
            Ok(Ok(ended)) => Seen::Exit { code: ended.code, output: ended.both() },
            Ok(Err(fault)) => Seen::Unable(in_one_line(&fault)),
            Err(_elapsed) => Seen::NoAnswer(format!(
                "it did not end within {} s, and was killed",
                within.as_secs_f64()
            )),
        }
    }
}

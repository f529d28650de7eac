//! What a command prints: a password manager's, say.

use std::path::Path;
use std::time::Duration;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;
use seaworthy_core::redact::Redactor;

use crate::process::Command;

/// How long it may take. A person may have to touch a key or type a passphrase elsewhere.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The most characters of its complaint that are shown.
const COMPLAINT_LENGTH_MAX: usize = 2000;

/// Runs the command in the workspace's folder and returns what it printed on standard output.
pub(super) async fn read(
    folder: &Path,
    words: &[String],
    doing: &str,
    redactor: &Redactor,
) -> Result<Vec<u8>, Fault> {
    let ended = Command::new(folder, words).timeout(TIMEOUT).run().await?;
    if ended.ok() {
        return Ok(ended.stdout);
    }
    let how = match ended.code {
        Some(code) => format!("it ended with code {code}"),
        None => "it was ended by a signal".to_owned(),
    };
    let complaint = redactor.clean(String::from_utf8_lossy(&ended.stderr).trim());
    let mut why = vec![how];
    if !complaint.is_empty() {
        why.push(complaint.chars().take(COMPLAINT_LENGTH_MAX).collect());
    }
    Err(Fault { doing: doing.to_owned(), why, kind: FaultKind::Other })
}

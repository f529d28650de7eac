//! What documents define and use: bytes in, references out.
//!
//! [`facts`] recognises what sort of document it is by its content and hands it to the module of that sort, one a file.
//! Nothing in here reads a file, a clock or a socket, and no bytes make it panic: what cannot be read is said in
//! [`Facts::unknown`].

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;

pub mod n8n;
pub mod recognise;
pub mod sql;

/// Says what a document defines and uses. `name` is its path or file name: it helps where the content leaves a doubt.
pub fn facts(name: &str, bytes: &[u8]) -> Facts {
    match recognise::format(name, bytes) {
        Format::N8n => n8n::facts(bytes),
        Format::Sql => sql::facts(bytes),
        other => Facts::none(other),
    }
}

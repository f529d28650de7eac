//! What documents define and use: bytes in, references out.
//!
//! [`facts`] recognises what sort of document it is by its content and hands it to the module of that sort, one a file.
//! Nothing in here reads a file, a clock or a socket, and no bytes make it panic: what cannot be read is said in
//! [`Facts::unknown`].

use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;

pub mod code;
pub mod compose;
pub mod css;
pub mod env;
mod gather;
pub mod html;
pub mod javascript;
pub mod markdown;
mod mask;
pub mod n8n;
pub mod own;
pub mod recognise;
pub mod redirects;
pub mod sql;
pub mod urls;
pub mod wide;
pub mod zone;

/// Says what a document defines and uses. `name` is its path or file name: it helps where the content leaves a doubt.
pub fn facts(name: &str, bytes: &[u8]) -> Facts {
    let bytes = &*wide::readable(bytes);
    match recognise::format(name, bytes) {
        Format::N8n => n8n::facts(bytes),
        Format::Html => html::facts(bytes),
        Format::Markdown => markdown::facts(bytes),
        Format::Css => css::facts(bytes),
        Format::Javascript => javascript::facts(bytes),
        Format::Env => env::facts(bytes),
        Format::Compose => compose::facts(bytes),
        Format::Zone => zone::facts(name, bytes),
        Format::Redirects => redirects::facts(bytes),
        Format::Change => own::change(bytes),
        Format::Workspace => own::workspace(bytes),
        Format::Sql => sql::facts(bytes),
        other @ (Format::Schema | Format::Other) => Facts::none(other),
    }
}

//! What a schema defines and uses: tables and columns; what views and triggers read and write.

use seaworthy_core::document::Doc;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;

/// Says what a schema's document defines and uses. Each statement stands at a JSON pointer to it.
pub(super) fn facts_of_schema(_doc: &Doc) -> Facts {
    Facts::none(Format::Schema)
}

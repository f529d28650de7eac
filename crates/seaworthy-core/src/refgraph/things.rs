//! Addresses of things that no system of ours holds, and of parts of things that one does.

use super::sorts::Sorts;
use crate::resource::escape;

/// Returns the address of a URL outside: in its normal form.
pub(super) fn url(normal: &str) -> String {
    format!("url:{normal}")
}

/// Returns the address of a host, from its name in lower case.
pub(super) fn host(name: &str) -> String {
    format!("host:{name}")
}

/// Returns the address of something known by a name within another: `credential:TYPE/NAME`.
pub(super) fn outside(kind: &str, parts: &[&str]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| escape(part)).collect();
    format!("{kind}:{}", parts.join("/"))
}

/// Returns the address of a part of something: `db:column/clients/email`, `airtable:field/BASE/TABLE/FIELD`.
pub(super) fn part(system: &str, kind: &str, parts: &[&str]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| escape(part)).collect();
    format!("{system}:{kind}/{}", parts.join("/"))
}

/// Returns the kind within an address: what stands in front of the first slash, or of the colon, outside of systems.
pub(super) fn kind(address: &str) -> &str {
    let Some((system, rest)) = address.split_once(':') else { return "" };
    match system {
        "url" | "host" | "variable" | "channel" | "credential" | "workflow" | "data-table" => {
            system
        }
        _ => rest.split('/').next().unwrap_or_default(),
    }
}

/// Returns the sorts of the thing with this address.
pub(super) fn sorts_of(address: &str) -> Sorts {
    Sorts::of_kind(address.split(':').next().unwrap_or_default(), kind(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_thing_stands_in_its_address() {
        for (address, wanted) in [
            ("n8n:workflow/Venus#a", "workflow"),
            ("db:schema", "schema"),
            ("url:https://x.example/a", "url"),
            ("channel:slack/general", "channel"),
            ("airtable:field/app/tbl/Name", "field"),
            ("nothing", ""),
        ] {
            assert_eq!(kind(address), wanted, "{address}");
        }
    }
}

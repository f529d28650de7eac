//! Airtable's own words: ids within URLs, and fields within formulas.

/// The id within a URL of Airtable that begins with these letters (`app`, `tbl`).
pub(super) fn id_within<'t>(url: &'t str, letters: &str) -> Option<&'t str> {
    url.split(['/', '?', '#', '&']).find(|part| {
        part.len() > 10
            && part.starts_with(letters)
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The id within the URL of a workflow.
pub(super) fn workflow_within(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/workflow/")?;
    let id = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (!id.is_empty()).then_some(id)
}

/// The names in braces within a formula. Two braces are a hole that nobody fills in, and no name.
pub(super) fn fields(formula: &str) -> impl Iterator<Item = &str> {
    let mut rest = formula;
    std::iter::from_fn(move || {
        loop {
            let open = rest.find('{')?;
            let inner = &rest[open + 1..];
            if let Some(hole) = inner.strip_prefix('{') {
                rest = hole.find("}}").map_or("", |end| &hole[end + 2..]);
                continue;
            }
            let close = inner.find(['{', '}'])?;
            let name = inner[..close].trim();
            rest =
                if inner[close..].starts_with('{') { &inner[close..] } else { &inner[close + 1..] };
            if !name.is_empty() && inner[close..].starts_with('}') {
                return Some(name);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_within_urls() {
        let url = "https://airtable.com/appAbCdEfGhIjKlMn/tblAbCdEfGhIjKlMn/viwX?blocks=hide";
        assert_eq!(id_within(url, "app"), Some("appAbCdEfGhIjKlMn"));
        assert_eq!(id_within(url, "tbl"), Some("tblAbCdEfGhIjKlMn"));
        assert_eq!(id_within("https://app.example/app", "app"), None);
        assert_eq!(workflow_within("https://n8n.example/workflow/d8KY8cXe?x=1"), Some("d8KY8cXe"));
    }

    #[test]
    fn fields_of_a_formula_stand_in_braces() {
        let found: Vec<_> =
            fields("AND({Birth State} = 'TX', {{ $json.x }}, {}, {b}, {c {d})").collect();
        assert_eq!(found, ["Birth State", "b", "d"]);
    }
}

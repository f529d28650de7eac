//! Zone files.

use domain::base::Name;
use domain::zonefile::inplace::Entry;
use domain::zonefile::inplace::Zonefile;

fn check(text: &str, expected: &[&str]) {
    crate::check("db.example.org", text, expected);
}

#[test]
fn owners_are_defined_and_targets_used_each_with_its_type() {
    check(
        "$ORIGIN Example.ORG.\n@ 3600 IN SOA ns1 host ( 1 2 3\n 4 5 ) ; x\n  NS ns1\nwww IN 300 CNAME x.example.com.\n* A 192.0.2.1\n",
        &[
            "+dns.name example.org @2:1 SOA",
            "+dns.name example.org @4:3 NS",
            "+dns.name www.example.org @5:1 CNAME",
            "+dns.name *.example.org @6:1 A",
            "dns.name ns1.example.org @2:15 SOA",
            "dns.name ns1.example.org @4:6 NS",
            "dns.name x.example.com @5:18 CNAME",
        ],
    );
    check(
        "a MX 10 m\n_s._tcp SRV 1 2 3 h\nb HTTPS 1 . alpn=h2\nc MX 0 .\nd SVCB 0 t\n1 PTR p.\ne DNAME f.\n",
        &[
            "+dns.name a.example.org @1:1 MX",
            "+dns.name _s._tcp.example.org @2:1 SRV",
            "+dns.name b.example.org @3:1 HTTPS",
            "+dns.name c.example.org @4:1 MX",
            "+dns.name d.example.org @5:1 SVCB",
            "+dns.name 1.example.org @6:1 PTR",
            "+dns.name e.example.org @7:1 DNAME",
            "dns.name m.example.org @1:9 MX",
            "dns.name h.example.org @2:19 SRV",
            "dns.name t.example.org @5:10 SVCB",
            "dns.name p @6:7 PTR",
            "dns.name f @7:9 DNAME",
        ],
    );
}

#[test]
fn the_origin_is_written_or_that_of_the_soa_or_the_files_name() {
    crate::check(
        "x.zone",
        "example.net. IN SOA ns. h. 1 2 3 4 5\na A 192.0.2.1\n",
        &[
            "+dns.name example.net @1:1 SOA",
            "+dns.name a.example.net @2:1 A",
            "dns.name ns @1:21 SOA",
        ],
    );
    crate::check(
        "z/example.net.zone",
        "a A 192.0.2.1\n$ORIGIN sub\nb A 192.0.2.1\n",
        &["+dns.name a.example.net @1:1 A", "+dns.name b.sub.example.net @3:1 A"],
    );
    crate::check(
        "x.db",
        "$TTL 1h\na CNAME b\n@ NS c.\n",
        &[
            "+dns.name a @2:1 ~a.{} CNAME",
            "+dns.name  @3:1 ~{} NS",
            "dns.name b @2:9 ~b.{} CNAME",
            "dns.name c @3:6 NS",
            "?2:1 relative names: the file does not say which zone this is, and has no `$ORIGIN`",
        ],
    );
}

#[test]
fn what_is_included_is_unknown_and_what_is_generated_is_made() {
    check(
        "$INCLUDE other.db\n$GENERATE 8-10/2 h$ CNAME ${-8,2}.x\n",
        &[
            "+dns.name h8.example.org @2:18 CNAME",
            "+dns.name h10.example.org @2:18 CNAME",
            "dns.name 00.x.example.org @2:27 CNAME",
            "dns.name 02.x.example.org @2:27 CNAME",
            "?1:1 `other.db` is included here; what it holds was not looked at",
        ],
    );
}

#[test]
fn a_line_that_nobody_can_read_hides_no_other() {
    check(
        "a A 192.0.2.1\nb NONSENSE x\nc TXT \"no end\nd ) A 192.0.2.1\ne CNAME\nf TYPE65280 \\# 0\n",
        &[
            "+dns.name a.example.org @1:1 A",
            "+dns.name c.example.org @3:1 TXT",
            "+dns.name d.example.org @4:1 A",
            "+dns.name e.example.org @5:1 CNAME",
            "+dns.name f.example.org @6:1 TYPE65280",
            "?2:1 this line is no record of a type that is known",
            "?3:1 a quote is never closed",
            "?4:1 a parenthesis is closed that was not opened",
            "?5:3 this CNAME record has no name where one belongs",
        ],
    );
}

/// Owners with their types, and targets, as the crate `domain` reads them; none if it does not read the whole file.
///
/// The data of records is compared where a name stands at a place that is easily told.
pub(crate) fn slowly(text: &str, origin: &str) -> Option<Vec<String>> {
    let mut zone = Zonefile::load(&mut text.as_bytes()).ok()?;
    zone.set_origin(Name::bytes_from_str(origin).ok()?);
    zone.set_default_class(domain::base::iana::Class::IN);
    let mut found = Vec::new();
    while let Some(entry) = zone.next_entry().ok()? {
        let Entry::Record(record) = entry else { return None };
        let kind = record.rtype().to_string();
        found.push(format!("+{} {kind}", bare(&record.owner().to_string())));
        let place = match kind.as_str() {
            "CNAME" | "NS" | "PTR" | "DNAME" | "SOA" => 0,
            "MX" => 1,
            "SRV" => 3,
            _ => continue,
        };
        let data = record.data().to_string();
        // It takes `@` for a name of its own; to BIND it is the origin there, too.
        let target = bare(data.split_whitespace().nth(place)?);
        let target = target.strip_prefix("@.").unwrap_or(&target);
        // `.` stands for "none" there.
        if target != "." || matches!(kind.as_str(), "NS" | "PTR") {
            found.push(format!("{target} {kind}"));
        }
    }
    found.sort();
    Some(found)
}

/// The same, as the scanner reads them.
pub(crate) fn quickly(text: &str, name: &str) -> Vec<String> {
    let facts = seaworthy_scan::zone::facts(name, text.as_bytes());
    let line = |one: &seaworthy_core::refs::Ref| {
        format!("{} {}", one.value, one.sort.as_deref().unwrap_or_default())
    };
    let compared = ["CNAME", "NS", "PTR", "DNAME", "SOA", "MX", "SRV"];
    let targets = facts
        .references
        .iter()
        .filter(|one| compared.iter().any(|kind| one.sort.as_deref() == Some(kind)));
    let owners = facts.defines.iter().map(|one| format!("+{}", line(one)));
    let mut found: Vec<String> = owners.chain(targets.map(line)).collect();
    found.sort();
    found
}

fn bare(name: &str) -> String {
    match name {
        // The root is written with two dots where others put one behind every name.
        "." | ".." => ".".to_owned(),
        _ => name.strip_suffix('.').unwrap_or(name).to_lowercase(),
    }
}

//! Our own files.

#[test]
fn a_workspace_calls_urls_and_uses_variables() {
    crate::check(
        "seaworthy.toml",
        "[workspace]\nid = 'x'\nname = 'mirror'\n[system.n8n]\nkind = 'n8n'\nurl = 'https://n8n.example'\nkey = { env = 'N8N_KEY' }\n[system.env]\nkind = 'env'\n[policy]\nprotect = ['repo:branch/release', 'env:variable/*']\n[notify.d]\nurl = { env = 'HOOK' }\n",
        &[
            "url https://n8n.example @6:8",
            "variable N8N_KEY @7:16",
            "resource repo:branch/release @11:13 protect",
            "variable HOOK @13:16",
        ],
    );
}

#[test]
fn a_change_names_what_it_acts_on_and_what_it_asks() {
    crate::check(
        "change.toml",
        "scope = 'x'\n[[action]]\nput = 'flows:file/a.json'\nfrom = 'a.json'\ntouches = ['web:release/current', 'url:https://x.example/a']\n[[action]]\nset = ['db:table/a', 'db:table/b']\n[[check]]\nhttp = 'https://x.example/'\n[[check]]\nresolve = 'X.example. CNAME'\n[[check]]\ncount = 'db:table/a'\nat_least = 1\n[[check]]\nworkflow = 'n8n:workflow/A'\n[[check]]\nfile = 'flows/b.json'\n",
        &[
            "resource flows:file/a.json @3:8 put",
            "link a.json @4:9",
            "resource web:release/current @5:13 touches",
            "url.mentioned https://x.example/a @5:36",
            "resource db:table/a @7:9 set",
            "resource db:table/b @7:23 set",
            "url https://x.example/ @9:9 http",
            "dns.name x.example @11:12",
            "resource db:table/a @13:10 count",
            "resource n8n:workflow/A @16:13 workflow",
            "link flows/b.json @18:9 file",
        ],
    );
}

#[test]
fn a_file_that_is_not_toml_is_broken_with_its_place() {
    let facts = seaworthy_scan::facts("change.toml", b"scope = 'x'\n[[action]\n");
    assert!(facts.broken);
    assert_eq!(facts.unknown[0].at, "2:10");
}

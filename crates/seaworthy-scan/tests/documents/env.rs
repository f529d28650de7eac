//! Variables of the environment.

fn check(text: &str, expected: &[&str]) {
    crate::check(".env", text, expected);
}

#[test]
fn a_line_defines_a_name_and_never_tells_its_value() {
    check(
        "# c\nA=1\n export B = 'CANARY'\nC=\n\nD=x # E=y\n",
        &["+variable A @2:1", "+variable B @3:9", "+variable C @4:1", "+variable D @6:1"],
    );
    let facts =
        seaworthy_scan::facts(".env", b"A=CANARY\nB=\"CANARY\"\nC='CANARY\nCANARY'\nCANARY x\n");
    assert!(!serde_json::to_string(&facts).expect("facts have a JSON form").contains("CANARY"));
}

#[test]
fn variables_within_values_are_used() {
    check(
        "A=$B/${C}/${D:-$E}\nF='$G'\nH=\"\\$I $J\"\nK=a$1$$\n",
        &[
            "+variable A @1:1",
            "+variable F @2:1",
            "+variable H @3:1",
            "+variable K @4:1",
            "variable B @1:3",
            "variable C @1:6",
            "variable D @1:11",
            "variable E @1:16",
            "variable J @3:8",
        ],
    );
}

#[test]
fn urls_are_mentioned_without_their_secrets() {
    check(
        "A=https://x.example/a\nB=https://u:CANARY@x.example/?token=CANARY&b=1\n",
        &[
            "+variable A @1:1",
            "+variable B @2:1",
            "url.mentioned https://x.example/a @1:3",
            "url.mentioned https://***@x.example/?token=***&b=1 @2:3",
        ],
    );
    check(
        "A=https://${HOST}/a\nB=https://x.example:$PORT/a # c\nC=https://u:$P@x.example/\n",
        &[
            "+variable A @1:1",
            "+variable B @2:1",
            "+variable C @3:1",
            "url.mentioned https:// @1:3 ~https://{$env.HOST}/a",
            "variable HOST @1:11",
            "url.mentioned https://x.example: @2:3 ~https://x.example:{$env.PORT}/a",
            "variable PORT @2:21",
            "url.mentioned https://***@x.example/ @3:3",
            "variable P @3:13",
        ],
    );
}

#[test]
fn what_a_path_keeps_secret_is_a_gap_in_it() {
    check(
        "A=https://discord.com/api/webhooks/1/CANARY\nB=https://x.example/a/CANARY01234567890/b\n",
        &[
            "+variable A @1:1",
            "+variable B @2:1",
            "url.mentioned https://discord.com/api/webhooks/ @1:3 ~https://discord.com/api/webhooks/{}/{}",
            "url.mentioned https://x.example/a/ @2:3 ~https://x.example/a/{}/b",
        ],
    );
}

#[test]
fn quotes_go_on_over_lines_and_broken_lines_are_said() {
    check("A=\"x\ny\"\nB=1\n", &["+variable A @1:1", "+variable B @3:1"]);
    check(
        "A=\"x\nnot a line\nexport B\n2=3\n",
        &[
            "+variable A @1:1",
            "variable B @3:8",
            "?1:3 this quote is never closed",
            "?2:1 this line is not NAME=value",
            "?4:1 this line is not NAME=value",
        ],
    );
}

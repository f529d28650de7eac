//! Files of Docker Compose.

fn check(text: &str, expected: &[&str]) {
    crate::check("compose.yml", text, expected);
}

#[test]
fn what_a_service_is_given_is_defined_and_what_is_handed_on_is_used() {
    check(
        "services:\n  a:\n    environment:\n      - A=1\n      - B\n",
        &["+variable A @4:9", "variable B @5:9"],
    );
    check(
        "services:\n  a:\n    environment:\n      A: 1\n      B:\n      C: ${D:-x}\n",
        &["+variable A @4:7", "+variable C @6:7", "variable B @5:7", "variable D @6:10"],
    );
}

#[test]
fn variables_and_urls_count_anywhere_and_a_doubled_dollar_is_one() {
    check(
        "services:\n  a:\n    image: \"x:${TAG}\"\n    command: echo $$X $Y\n    labels:\n      - u=https://x.example/${P}?token=CANARY\n",
        &[
            "variable TAG @3:15",
            "variable Y @4:23",
            "url.mentioned https://x.example/ @6:11 ~https://x.example/{$env.P}?token=***",
            "variable P @6:29",
        ],
    );
}

#[test]
fn environments_are_merged_from_elsewhere() {
    check(
        "x-env: &env\n  A: 1\n  B:\nservices:\n  a:\n    environment:\n      <<: *env\n      C: 2\n  b:\n    environment: *env\n",
        &["+variable A @2:3", "+variable C @8:7", "variable B @3:3"],
    );
}

#[test]
fn a_broken_file_is_said_and_keeps_what_was_read() {
    let facts = seaworthy_scan::facts("compose.yml", b"services:\n  a:\n    image: ${T}\n  b: [\n");
    assert!(facts.broken);
    assert_eq!(facts.references.len(), 1);
    assert_eq!(facts.unknown.len(), 1);
}

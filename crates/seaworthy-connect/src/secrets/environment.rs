//! A variable of the environment, or of the `.env` file beside `seaworthy.toml`.

use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::path::PathBuf;

use seaworthy_core::ports::Fault;
use seaworthy_core::ports::FaultKind;

/// The name of the file.
const FILE: &str = ".env";

/// Reads a variable. The process's own environment is asked first, so that one call can be given another value.
pub(super) fn read(folder: &Path, name: &str, doing: &str) -> Result<Vec<u8>, Fault> {
    // `var_os` may panic on such names on some systems.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(Fault::new(FaultKind::Wrong, doing, "no variable can have this name"));
    }
    if let Some(value) = std::env::var_os(name) {
        return Ok(value.into_vec());
    }
    let text = match std::fs::read(folder.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let mut fault = Fault::io(doing, &error);
            fault.why.push(format!("it is not in the environment, and `{FILE}` cannot be read"));
            return Err(fault);
        }
    };
    in_file(&text, name).map_err(|unreadable| {
        let mut why = vec![format!("neither the environment nor `{FILE}` has it")];
        if unreadable > 0 {
            why.push(format!("lines of `{FILE}` that could not be read: {unreadable}"));
        }
        Fault { doing: doing.to_owned(), why, kind: FaultKind::Missing }
    })
}

/// The words that the names of variables have which hold secrets.
const SECRET_WORDS: [&str; 14] = [
    "KEY",
    "APIKEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASS",
    "PWD",
    "WEBHOOK",
    "CREDENTIALS",
    "AUTH",
    "COOKIE",
    "SESSION",
    "DSN",
    "DATABASE",
];

/// Tells whether a variable's name is one of those that hold secrets.
fn names_a_secret(name: &str) -> bool {
    name.to_uppercase().split(['_', '.']).any(|word| SECRET_WORDS.contains(&word))
}

/// Tells whether a value is the URL of a server, or of a folder of one, and holds nothing that only some should know: no
/// user, no query, and a path of words, as in `https://n8n.example/v1/forms`. `WEBHOOK_URL` is often such a one.
pub(crate) fn is_plain_base(value: &str) -> bool {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_host = |letter: char| letter.is_ascii_alphanumeric() || ".-:[]".contains(letter);
    !host.is_empty() && host.chars().all(is_host) && path.split('/').all(is_plain_word)
}

/// A word, or the number of a version. What is random looks otherwise.
fn is_plain_word(part: &str) -> bool {
    let version = part.strip_prefix('v').is_some_and(|number| {
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let letter = |byte: u8| byte.is_ascii_lowercase() || b"-_".contains(&byte);
    version || (part.len() <= 24 && part.bytes().all(letter))
}

/// Returns the values that `.env` and other such files hold under the names of secrets. The rest are addresses, modes and
/// the like, which a log could not do without.
pub(super) fn secrets_in(folder: &Path, others: &[PathBuf]) -> Vec<Vec<u8>> {
    let own = folder.join(FILE);
    let texts = [&own].into_iter().chain(others).filter_map(|path| std::fs::read(path).ok());
    let mut values = Vec::new();
    for text in texts {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        for (name, value) in dotenvy::from_read_iter(text).flatten() {
            if names_a_secret(&name) && !is_plain_base(&value) {
                values.push(value.into_bytes());
            }
        }
    }
    values
}

/// Finds a variable in the text of a `.env` file. The first one counts, as it does for a program that loads the file.
///
/// # Errors
///
/// It is not in it; so many lines could not be read. Those are not shown: one may hold the value.
fn in_file(text: &[u8], name: &str) -> Result<Vec<u8>, usize> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut unreadable = 0;
    for line in dotenvy::from_read_iter(text) {
        match line {
            Ok((key, value)) if key == name => return Ok(value.into_bytes()),
            Ok(_) => {}
            Err(_) => unreadable += 1,
        }
    }
    Err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_is_read_as_others_read_it() {
        let check = |text: &str, expected: Result<&str, usize>| {
            let found = in_file(text.as_bytes(), "KEY");
            assert_eq!(found, expected.map(|value| value.as_bytes().to_vec()), "{text}");
        };
        check("KEY=value\n", Ok("value"));
        check("\u{feff}KEY=value\n", Ok("value"));
        check("# KEY=no\nexport KEY='a b' # why\n", Ok("a b"));
        check("OTHER=1\nKEY=\"two\\nlines\"\n", Ok("two\nlines"));
        check("KEY=first\nKEY=second\n", Ok("first"));
        check("this is no line\nKEY=value\n", Ok("value"));
        check("KEY=a value with spaces\nOTHER=1\n", Err(1));
        check("KEYS=1\n", Err(0));
    }

    #[test]
    fn the_url_of_a_server_is_no_secret_and_what_only_some_should_know_is() {
        for plain in
            ["https://n8n.example", "http://localhost:5678/", "https://x.example/api/v2/forms"]
        {
            assert!(is_plain_base(plain), "{plain}");
        }
        for secret in [
            "https://discord.com/api/webhooks/118712/Zk3r",
            "https://hooks.slack.com/services/T00/B00/XXXX",
            "https://me:pass@x.example",
            "https://x.example/?token=abc",
            "https://x.example/#abc",
            "https://n8n.example/webhook/9f3c2a10-77aa-4b1e-9c3d-2f1e0d9c8b7a",
            "https://x.example/abcdefghijklmnopqrstuvwxyz",
            "ftp://x.example",
            "https://",
            "hunter2hunter2",
        ] {
            assert!(!is_plain_base(secret), "{secret}");
        }
    }

    #[test]
    fn what_is_named_like_a_secret_is_known_and_the_rest_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("app.env");
        std::fs::write(
            folder.path().join(FILE),
            "STRIPE_KEY=one\nAUTHOR=Ada\nMODE=production\nWEBHOOK_URL=https://n8n.example\n",
        )
        .unwrap();
        std::fs::write(&other, "db.password=two\nnot a line\nDATABASE_URL=three\n").unwrap();
        let known = secrets_in(folder.path(), &[other, folder.path().join("nowhere")]);
        assert_eq!(known, [&b"one"[..], b"two", b"three"]);
    }
}

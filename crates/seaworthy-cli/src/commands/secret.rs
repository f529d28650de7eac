//! `secret`: values kept for `{ keyring = "NAME" }`.

use std::io::IsTerminal as _;
use std::io::Read as _;

use seaworthy_core::explain::Explanation;
use seaworthy_core::secret::Secret;
use serde_json::json;

use crate::compose::Globals;
use crate::compose::Opening;
use crate::printer;
use crate::printer::Printer;

/// Keeps the values of secrets, for `{ keyring = "NAME" }`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Keeps a value: asked for without echo, or read from standard input
    Set {
        /// Its name
        name: String,
    },
    /// Lists the names
    List,
}

pub(crate) async fn run(
    args: Args,
    globals: &Globals,
    printer: &Printer,
) -> Result<u8, Explanation> {
    let desk = globals.open(printer, Opening { reads: true, ..Opening::default() }).await?;
    match args.verb {
        Verb::Set { name } => {
            let secret = value(&name)?;
            desk.resolver.keep(&name, &secret).map_err(|fault| {
                Explanation::new("secret-failed", format!("{} did not work", fault.doing)).whys(fault.why).next("use letters, digits, `-`, `_` and `.` in the name, and see that the key folder is writable")
            })?;
            if printer.json {
                printer.document(
                    &json!({ "schema": "seaworthy/secret/v1", "name": name, "kept": true }),
                );
            } else {
                printer.data(&format!("kept; refer to it as {{ keyring = \"{name}\" }}"));
            }
        }
        Verb::List => {
            let names =
                desk.resolver.list().map_err(|fault| seaworthy_engine::failure::own(&fault))?;
            if printer.json {
                printer.document(&json!({ "schema": "seaworthy/secret/v1", "names": names }));
            } else {
                names.iter().for_each(|name| printer.data(name));
            }
        }
    }
    Ok(0)
}

fn value(name: &str) -> Result<Secret, Explanation> {
    let text = if printer::is_interactive() {
        inquire::Password::new(&format!("Value of {name}:"))
            .without_confirmation()
            .prompt()
            .map_err(|error| {
                Explanation::new("usage", "no value was given")
                    .because(&error)
                    .next("type it, or give it on standard input")
            })?
    } else if std::io::stdin().is_terminal() {
        // What is typed would be shown: the question, which turns the echo off, has nowhere to stand.
        return Err(Explanation::new("usage", "the value cannot be asked for")
            .why("standard error is no terminal")
            .next("give the value on standard input"));
    } else {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| {
            Explanation::new("usage", "the value cannot be read")
                .because(&error)
                .next("give it as text on standard input")
        })?;
        text.trim_end_matches(['\n', '\r']).to_owned()
    };
    if text.is_empty() {
        return Err(Explanation::new("usage", "the value is empty")
            .why("an empty secret opens nothing, and is nearly always a mistake")
            .next("type it, or give it on standard input"));
    }
    Ok(Secret::new(text))
}

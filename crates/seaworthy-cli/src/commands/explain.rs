//! `explain`: what an error code means, and how to get out.

use seaworthy_core::explain::Explanation;
use serde_json::json;

use crate::printer::Printer;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// What an error code means, why it happens, and how to get out
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The word in `error[…]`; without it, all codes
    code: Option<String>,
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<u8, Explanation> {
    let Some(code) = &args.code else {
        let codes: Vec<&str> = PAGES.iter().map(|(code, _)| *code).collect();
        if printer.json {
            printer.document(&json!({ "schema": "seaworthy/explain/v1", "codes": codes }));
        } else {
            printer.data(&codes.join("\n"));
        }
        return Ok(0);
    };
    let code = code.trim_start_matches("error[").trim_end_matches(']');
    let (code, page) = PAGES.iter().find(|(known, _)| *known == code).ok_or_else(|| {
        Explanation::new("unknown-code", format!("there is no error code `{code}`"))
            .why("the code is the word between the brackets of `error[…]`")
            .next("run `seaworthy explain` to see all of them")
    })?;
    if printer.json {
        printer.document(&json!({ "schema": "seaworthy/explain/v1", "code": code, "page": page }));
    } else {
        printer.data(page);
    }
    Ok(0)
}

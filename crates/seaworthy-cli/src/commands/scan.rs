//! `scan`: what files define and use. It needs no workspace.

use std::path::PathBuf;
use std::time::Instant;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use seaworthy_core::explain::Explanation;
use seaworthy_core::refs::Facts;
use seaworthy_core::refs::Format;
use seaworthy_core::refs::Kind;

use crate::printer::Printer;
use crate::render::count;
use crate::scanning::lanes;
use crate::scanning::lanes::Batch;
use crate::scanning::lanes::Scanned;
use crate::scanning::listing;
use crate::scanning::tally::Tally;
use crate::scanning::walk::Walk;

/// What files define and use: webhooks, URLs, credentials, tables, variables, links. Needs no workspace
///
/// Folders are read with all that is below them, hidden files too; `.git` and `node_modules` are left out. What sort of
/// file it is, is told from its content. `-` is standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Show definitions and references of this kind only; may be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = kinds(), hide_possible_values = true)]
    kinds: Vec<Kind>,
    /// Show only what could not be analysed
    #[arg(long)]
    unknown: bool,
    /// Exit with 1 if a file is broken
    #[arg(long)]
    strict: bool,
}

/// Reads a kind by its word; the words are told where one is misspelt.
fn kinds() -> impl clap::builder::TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::word)).try_map(|word| {
        let known = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| format!("`{word}` is no kind"))
    })
}

pub(crate) fn run(args: &Args, printer: &Printer) -> Result<u8, Explanation> {
    let begun = Instant::now();
    let mut stream = printer.stream();
    let mut whole = Outcome::default();
    let wish = Wish { kinds: args.kinds.clone(), unknown: args.unknown, json: printer.json };
    let walked = lanes::scan(Walk::over(&args.paths), wish, |page: Page| {
        whole.tally.join(page.tally);
        whole.unreadable.extend(page.unreadable);
        stream.write(&page.shown)
    });
    walked.map_err(|error| {
        Explanation::new("internal", "no thread can be started")
            .because(&error)
            .next("close other programs and run it again")
    })?;
    drop(stream);
    let took = begun.elapsed().as_secs_f64();
    for line in whole.tally.lines() {
        printer.talk(&line);
    }
    if took >= 1.0 {
        #[expect(clippy::cast_precision_loss, reason = "it is rounded to a few digits anyway")]
        let megabytes = whole.tally.bytes as f64 / 1e6;
        let files = count(whole.tally.files(), "file");
        printer.talk(&format!(
            "{files}, {megabytes:.0} MB in {took:.1} s: {:.0} MB/s",
            megabytes / took
        ));
    }
    whole.end(args.strict, printer.json)
}

/// What is to be shown, and how.
#[derive(Clone, Debug)]
struct Wish {
    /// These kinds; all, if none is named.
    kinds: Vec<Kind>,
    /// Only what could not be analysed.
    unknown: bool,
    /// As lines of JSON.
    json: bool,
}

impl Wish {
    /// Takes out what is not to be shown; tells whether the file is to be shown at all.
    fn sift(&self, facts: &mut Facts, named: bool) -> bool {
        if !self.kinds.is_empty() {
            facts.defines.retain(|one| self.kinds.contains(&one.kind));
            facts.references.retain(|one| self.kinds.contains(&one.kind));
        }
        if self.unknown {
            facts.defines.clear();
            facts.references.clear();
        }
        if facts.broken {
            return true;
        }
        if self.unknown {
            return !facts.unknown.is_empty();
        }
        let has_any = !facts.defines.is_empty() || !facts.references.is_empty();
        match facts.kind {
            Format::Other => named && self.kinds.is_empty(),
            Format::N8n
            | Format::Html
            | Format::Markdown
            | Format::Css
            | Format::Javascript
            | Format::Sql
            | Format::Env
            | Format::Compose
            | Format::Zone
            | Format::Redirects
            | Format::Change
            | Format::Workspace
            | Format::Schema => self.kinds.is_empty() || has_any,
        }
    }
}

/// What some files came to, ready to be printed.
struct Page {
    wish: Wish,
    shown: Vec<u8>,
    tally: Tally,
    unreadable: Vec<String>,
}

impl Batch for Page {
    type Wish = Wish;

    fn new(wish: &Wish) -> Self {
        Self {
            wish: wish.clone(),
            shown: Vec::new(),
            tally: Tally::default(),
            unreadable: Vec::new(),
        }
    }

    fn scanned(&mut self, scanned: Scanned<'_>) {
        let Scanned { path, mut facts, named, unreadable, bytes } = scanned;
        self.tally.add(&facts, bytes);
        let path = path.to_string_lossy();
        if unreadable && named {
            let why = facts.unknown.iter().map(|unknown| unknown.why.as_str());
            self.unreadable.push(format!("`{path}`: {}", why.collect::<String>()));
        }
        if !self.wish.sift(&mut facts, named) {
            return;
        }
        if self.wish.json {
            listing::json(&path, &facts, &mut self.shown);
        } else {
            let mut text = String::new();
            listing::text(&path, &facts, &mut text);
            self.shown.extend_from_slice(text.as_bytes());
        }
    }

    fn link(&mut self) {
        self.tally.links += 1;
    }
}

/// What all of it came to.
#[derive(Debug, Default)]
struct Outcome {
    tally: Tally,
    /// What was named and cannot be read.
    unreadable: Vec<String>,
}

impl Outcome {
    fn end(self, strict: bool, json: bool) -> Result<u8, Explanation> {
        if !self.unreadable.is_empty() {
            let what = match self.unreadable.len() {
                1 => "a path that you named cannot be read".to_owned(),
                many => format!("{many} of the paths that you named cannot be read"),
            };
            return Err(Explanation::new("file-missing", what)
                .whys(self.unreadable)
                .next("correct the names, or leave them out; the rest was scanned"));
        }
        if !strict || self.tally.broken == 0 {
            return Ok(0);
        }
        if json {
            // Each broken file has said so in its own line.
            return Ok(1);
        }
        let (broken, files) = (self.tally.broken, self.tally.files());
        Err(Explanation::new(
            "files-broken",
            format!("{broken} of {} cannot be read as what they are", count(files, "file")),
        )
        .why("with `--strict` a broken file is a failure")
        .next("run `seaworthy scan --unknown` over the same paths to see them alone")
        .next("mend them, or leave `--strict` out"))
    }
}

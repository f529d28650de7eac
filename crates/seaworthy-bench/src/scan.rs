//! Finding references: bytes a second against bare parsers of JSON over the same bytes, and whole commands against tools
//! that do a part of the job.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::Error;
use crate::Line;
use crate::medians;
use crate::ratio;

/// How large the corpus is made, by copies, for the commands.
const LARGE_BYTES: u64 = 2_000_000_000;
const ROUNDS: usize = 5;

pub(crate) fn measure(binary: &Path, scratch: &Path) -> Result<Vec<Line>, Error> {
    let corpus = corpus()?;
    let mut lines = parsers(&read_all(&corpus)?)?;
    lines.extend(commands(binary, &corpus, "the corpus")?);
    let large = scratch.join("large");
    let bytes = multiply(&corpus, &large)?;
    lines.extend(commands(binary, &large, &format!("{:.2} GB made of it", gb(bytes)))?);
    fs::remove_dir_all(&large)?;
    lines.extend(pages(binary, scratch)?);
    Ok(lines)
}

/// Real workflows where `SEAWORTHY_CORPUS` offers them, else the few of the tests.
fn corpus() -> Result<PathBuf, Error> {
    if let Some(corpus) = std::env::var_os("SEAWORTHY_CORPUS") {
        return Ok(PathBuf::from(corpus).join("workflows"));
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seaworthy-scan/tests/fixtures");
    Ok(own.canonicalize()?)
}

fn read_all(folder: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            all.push(fs::read(path)?);
        }
    }
    Ok(all)
}

/// One thread, everything in memory: ours with all that it finds, against bare parsers.
fn parsers(files: &[Vec<u8>]) -> Result<Vec<Line>, Error> {
    let bytes: usize = files.iter().map(Vec::len).sum();
    let (mut input, mut buffers) = (Vec::new(), simd_json::Buffers::default());
    let times = medians(
        ROUNDS * 3,
        &mut [
            &mut || {
                for file in files {
                    black_box(seaworthy_scan::facts("a.json", file));
                }
                Ok(())
            },
            &mut || {
                for file in files {
                    let mut reader = serde_json::Deserializer::from_slice(file);
                    black_box(Strings.deserialize(&mut reader)?);
                }
                Ok(())
            },
            &mut || {
                for file in files {
                    input.clear();
                    input.extend_from_slice(file);
                    black_box(simd_json::to_tape_with_buffers(&mut input, &mut buffers)?);
                }
                Ok(())
            },
        ],
    )?;
    let [ours, visitor, tape] = times[..] else {
        return Err("three things were measured".into());
    };
    let what =
        |beside: &str| format!("references of {} workflows, one thread{beside}", files.len());
    let line = |what: String, peer: &str, time| Line {
        what,
        ours: rate(bytes as u64, ours),
        floor: format!("{peer} {}", rate(bytes as u64, time)),
        ratio: ratio(time, ours),
    };
    Ok(vec![
        line(what(""), "serde_json, a bare visitor of all strings,", visitor),
        line(what(" "), "simd-json's bare tape", tape),
    ])
}

/// Whole commands over a folder.
fn commands(binary: &Path, folder: &Path, name: &str) -> Result<Vec<Line>, Error> {
    let bytes = size(folder)?;
    let ours = best(|| {
        let mut command = Command::new(binary);
        command.args(["scan", "--json"]).arg(folder);
        command
    })?
    .ok_or("the binary is not there")?;
    // A tenth of the job: the URLs of the nodes that call one.
    let script = "[.nodes[]? | select(.type == \"n8n-nodes-base.httpRequest\") | .parameters.url]";
    let jq = best(|| {
        let mut command = Command::new("sh");
        let call = "find \"$1\" -name '*.json' -print0 | xargs -0 -P 2 -n 200 jq -c \"$2\"";
        command.args(["-c", call, "sh"]).arg(folder).arg(script);
        command
    });
    let rg = best(|| {
        let mut command = Command::new("rg");
        command.args(["-c", "--no-ignore", "http"]).arg(folder);
        command
    });
    let line = |peer: &str, time: Result<Option<Duration>, Error>| Line {
        what: format!("`seaworthy scan --json` of {name}"),
        ours: rate(bytes, ours),
        floor: match &time {
            Ok(Some(time)) => format!("{peer} {}", rate(bytes, *time)),
            Ok(None) | Err(_) => format!("{peer}: not installed"),
        },
        ratio: match time {
            Ok(Some(time)) => ratio(time, ours),
            Ok(None) | Err(_) => "—".to_owned(),
        },
    };
    Ok(vec![line("`rg -c http`", rg), line("a jq script for URLs alone", jq)])
}

/// The pages of the installed Rust documentation, against a link checker that only lists links.
fn pages(binary: &Path, scratch: &Path) -> Result<Vec<Line>, Error> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(sysroot.stdout)?;
    let documentation = Path::new(sysroot.trim()).join("share/doc/rust/html");
    if !documentation.is_dir() {
        return Ok(Vec::new());
    }
    // Both read the same pages and nothing else: a folder that holds only those.
    let folder = scratch.join("pages");
    let (count, bytes) = html(&documentation, &folder)?;
    let ours = best(|| {
        let mut command = Command::new(binary);
        command.args(["scan", "--json"]).arg(&folder);
        command
    })?
    .ok_or("the binary is not there")?;
    let lychee = std::env::var_os("SEAWORTHY_LYCHEE").unwrap_or_else(|| "lychee".into());
    let peer = once(|| {
        let mut command = Command::new(&lychee);
        command.args(["--dump", "--offline", "--no-progress"]).arg("--extensions").arg("html");
        command.arg(&folder);
        command
    });
    fs::remove_dir_all(&folder)?;
    Ok(vec![Line {
        what: format!("`seaworthy scan --json` of {count} pages of the Rust documentation"),
        ours: rate(bytes, ours),
        floor: match &peer {
            Ok(Some(time)) => format!("`lychee --dump` {}", rate(bytes, *time)),
            Ok(None) => "`lychee --dump`: not installed".to_owned(),
            Err(why) => format!("`lychee --dump`: {why}"),
        },
        ratio: peer.ok().flatten().map_or_else(|| "—".to_owned(), |time| ratio(time, ours)),
    }])
}

/// Copies a folder until it is large.
fn multiply(folder: &Path, large: &Path) -> Result<u64, Error> {
    let each = size(folder)?.max(1);
    let copies = LARGE_BYTES.div_ceil(each);
    for copy in 0..copies {
        let to = large.join(format!("copy-{copy:04}"));
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
    }
    Ok(each * copies)
}

fn size(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        bytes += if kind.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// Puts the pages of a folder into another one, and says how many they are and how large.
fn html(folder: &Path, into: &Path) -> Result<(u64, u64), Error> {
    let (mut count, mut bytes) = (0, 0);
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, to) = (entry.path(), into.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            let (more, longer) = html(&path, &to)?;
            (count, bytes) = (count + more, bytes + longer);
        } else if path.extension().is_some_and(|ending| ending == "html") {
            // A hard link, which neither program can tell from the file; on another disk a copy.
            if fs::hard_link(&path, &to).is_err() {
                fs::copy(&path, &to)?;
            }
            (count, bytes) = (count + 1, bytes + entry.metadata()?.len());
        }
    }
    Ok((count, bytes))
}

/// Returns the shortest of several times; nothing if the program is not installed.
fn best(command: impl Fn() -> Command) -> Result<Option<Duration>, Error> {
    let mut shortest: Option<Duration> = None;
    for _ in 0..ROUNDS {
        let Some(time) = once(&command)? else { return Ok(None) };
        shortest = Some(shortest.map_or(time, |best| best.min(time)));
    }
    Ok(shortest)
}

fn once(command: impl Fn() -> Command) -> Result<Option<Duration>, Error> {
    let mut command = command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    match command.status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        // A link checker that found a broken link, and jq on a file that is no workflow, have done their work.
        Ok(_) => Ok(Some(start.elapsed())),
    }
}

fn rate(bytes: u64, time: Duration) -> String {
    format!("{:.0} MB/s", bytes as f64 / 1e6 / time.as_secs_f64())
}

fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// Visits every string of a JSON text, keys included, and keeps nothing: the least that a reader of references must do.
struct Strings;

impl<'de> DeserializeSeed<'de> for Strings {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<usize, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_str<E>(self, text: &str) -> Result<usize, E> {
        Ok(text.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut sum = 0;
        while let Some(one) = list.next_element_seed(Self)? {
            sum += one;
        }
        Ok(sum)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut sum = 0;
        while let Some(key) = map.next_key_seed(Self)? {
            sum += key + map.next_value_seed(Self)?;
        }
        Ok(sum)
    }
}

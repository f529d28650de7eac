//! How fast workflows are analysed, beside a bare visitor of serde_json over the same bytes that looks at nothing.
//!
//!     cargo run --release -p seaworthy-scan --example speed -- FOLDER [ROUNDS [ONLY]]

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::time::Duration;
use std::time::Instant;

use serde::de::Deserializer as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

/// Its name, what it does with a file, and the best round so far.
type Contestant<'w> = (&'static str, &'w mut dyn FnMut(&[u8]), Duration);

/// Visits everything and counts the bytes of all texts.
struct Bare<'c>(&'c mut usize);

impl<'de> serde::de::DeserializeSeed<'de> for Bare<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bare<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        *self.0 += text.len();
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Bare(&mut *self.0))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key_seed(Bare(&mut *self.0))?.is_some() {
            entries.next_value_seed(Bare(&mut *self.0))?;
        }
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "a measurement measures time and prints it")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder");
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
    let only = arguments.next();
    let files: Vec<Vec<u8>> = fs::read_dir(folder)
        .expect("it can be listed")
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("it can be read"))
        .collect();
    let bytes: usize = files.iter().map(Vec::len).sum();
    let (mut tape, mut buffers, mut input) =
        (simd_json::Tape::null(), simd_json::Buffers::new(1 << 16), Vec::new());
    let mut references = 0;
    let mut bare = |file: &[u8]| {
        let mut count = 0;
        let mut deserializer = serde_json::Deserializer::from_slice(file);
        drop(deserializer.deserialize_any(Bare(&mut count)));
        black_box(count);
    };
    let mut bare_tape = |file: &[u8]| {
        input.clear();
        input.extend_from_slice(file);
        let mut nodes = std::mem::replace(&mut tape, simd_json::Tape::null()).reset();
        drop(black_box(simd_json::fill_tape(&mut input, &mut buffers, &mut nodes)));
        tape = nodes.reset();
    };
    let mut facts =
        |file: &[u8]| references += black_box(seaworthy_scan::n8n::facts(file)).references.len();
    let mut contestants: [Contestant<'_>; 3] = [
        ("bare serde_json visitor", &mut bare, Duration::MAX),
        ("bare tape of simd-json", &mut bare_tape, Duration::MAX),
        ("facts", &mut facts, Duration::MAX),
    ];
    println!("{} files, {bytes} bytes, best of {rounds}", files.len());
    // By turns, so that what else the machine does befalls all of them.
    for _ in 0..rounds {
        for (name, work, best) in &mut contestants {
            if only.as_ref().is_some_and(|only| only != *name) {
                continue;
            }
            let start = Instant::now();
            files.iter().for_each(|file| work(file));
            *best = start.elapsed().min(*best);
        }
    }
    for (name, _, best) in &contestants {
        let speed = bytes as f64 / 1e6 / best.as_secs_f64();
        println!("{name:24} {:8.1} ms {speed:8.0} MB/s", best.as_secs_f64() * 1e3);
    }
    println!("{} references", references / rounds);
}

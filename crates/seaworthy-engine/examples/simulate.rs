//! The simulation: plans of the family through the six trials, for so many seconds, on so many threads.
//!
//! `cargo xtask simulate` builds and runs it. A failure prints what was done to which run, its journal, and the command
//! that does it again.

#[path = "../tests/common/mod.rs"]
mod common;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::trials;
use common::trials::Broken;
use common::trials::TRIALS;
use common::trials::Tally;
use serde_json::json;

/// A third of the time goes into small pieces of memory; this allocator gives them out faster than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is to be done.
struct Terms {
    seed: u64,
    seconds: u64,
    /// How many plans at most.
    plans: u64,
    threads: usize,
    /// Only this plan.
    plan: Option<u64>,
    /// After how many broken promises it stops.
    failures: usize,
    /// Where the result is written as JSON.
    json: Option<String>,
}

/// The seed where none is given: the same for everybody, so that a red run is red again.
const SEED: u64 = 20_261_123;

impl Terms {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut terms = Self {
            seed: SEED,
            seconds: 10,
            plans: u64::MAX,
            threads,
            plan: None,
            failures: 1,
            json: None,
        };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
            let number = || {
                let number: Result<u64, _> = value.parse();
                number.map_err(|_| format!("`{word}` wants a number, not `{value}`"))
            };
            match word.as_str() {
                "--seed" => terms.seed = number()?,
                "--seconds" => terms.seconds = number()?,
                "--plans" => terms.plans = number()?,
                "--plan" => terms.plan = Some(number()?),
                "--failures" => terms.failures = usize::try_from(number()?).unwrap_or(1),
                "--threads" => terms.threads = usize::try_from(number()?).unwrap_or(1).max(1),
                "--json" => terms.json = Some(value),
                _ => return Err(format!("there is no `{word}`")),
            }
        }
        Ok(terms)
    }
}

fn main() -> ExitCode {
    let terms = match Terms::read(std::env::args().skip(1)) {
        Ok(terms) => terms,
        Err(why) => {
            say(&why);
            return ExitCode::FAILURE;
        }
    };
    let start = Instant::now();
    let (tally, broken) = simulate(&terms, start);
    let spent = start.elapsed();
    say(&table(&tally, spent, terms.seed));
    if let Some(path) = &terms.json {
        let result = json(&tally, spent, &terms, &broken).to_string();
        if let Err(error) = std::fs::write(path, result) {
            say(&format!("`{path}` could not be written: {error}"));
            return ExitCode::FAILURE;
        }
    }
    if broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    for (index, (plan, Broken { about, why, told })) in broken.iter().enumerate() {
        // One failure is enough to read; of the others it is told how to see them.
        if index == 0 {
            say(&format!("\n{told}"));
        }
        say(&format!(
            "\nbroken in plan {plan}: {about}\n  {why}\n  do it again: cargo xtask simulate --seed {} --plan {plan}",
            terms.seed
        ));
    }
    ExitCode::FAILURE
}

/// Puts plans through the trials until the time is over, or a promise is broken.
fn simulate(terms: &Terms, start: Instant) -> (Tally, Vec<(u64, Broken)>) {
    // What panics is told by us.
    std::panic::set_hook(Box::new(|_| {}));
    let next = AtomicU64::new(terms.plan.unwrap_or(0));
    let last = terms.plan.map_or(terms.plans, |plan| plan + 1);
    let sum = Mutex::new((Tally::default(), Vec::new()));
    let failures = AtomicUsize::new(0);
    let limit = Duration::from_secs(terms.seconds);
    std::thread::scope(|scope| {
        for _ in 0..terms.threads {
            scope.spawn(|| {
                let mut own = Tally::default();
                let mut found = Vec::new();
                while failures.load(Ordering::Relaxed) < terms.failures && start.elapsed() < limit {
                    let plan = next.fetch_add(1, Ordering::Relaxed);
                    if plan >= last {
                        break;
                    }
                    match trials::put(terms.seed, plan) {
                        Ok(tally) => own.add(&tally),
                        Err(broken) => {
                            failures.fetch_add(1, Ordering::Relaxed);
                            found.push((plan, broken));
                        }
                    }
                }
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                sum.0.add(&own);
                sum.1.extend(found);
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn table(tally: &Tally, spent: Duration, seed: u64) -> String {
    let seconds = spent.as_secs_f64();
    let mut lines = vec![format!(
        "simulated {} runs of {} plans in {seconds:.1} s ({:.0}/s); seed {seed}",
        tally.total(),
        tally.plans,
        tally.total() as f64 / seconds
    )];
    let mut row = |word: &str, count: u64| lines.push(format!("  {word:<36}{count:>12}"));
    TRIALS.iter().zip(tally.runs).for_each(|(word, runs)| row(word, runs));
    row("a process died", tally.deaths);
    tally.struck.iter().for_each(|(word, count)| row(word, *count));
    tally.endings.iter().for_each(|(word, count)| row(&format!("ended {word}"), *count));
    lines.join("\n")
}

fn json(
    tally: &Tally,
    spent: Duration,
    terms: &Terms,
    broken: &[(u64, Broken)],
) -> serde_json::Value {
    let trials: serde_json::Map<_, _> = TRIALS
        .iter()
        .zip(tally.runs)
        .map(|(word, runs)| ((*word).to_owned(), json!(runs)))
        .collect();
    let total = tally.total();
    json!({
        "seed": terms.seed,
        "plans": tally.plans,
        "runs": total,
        "seconds": spent.as_secs_f64(),
        "runs_per_second": total as f64 / spent.as_secs_f64(),
        "threads": terms.threads,
        "trials": trials,
        "processes_died": tally.deaths,
        "faults_survived": tally.struck,
        "endings": tally.endings,
        "broken": broken.iter().map(|(plan, broken)| json!({
            "plan": plan,
            "about": broken.about,
            "why": broken.why,
        })).collect::<Vec<_>>(),
    })
}

/// Prints one message; the only place that does.
#[expect(clippy::print_stdout, reason = "this is the printer")]
fn say(message: &str) {
    println!("{message}");
}

//! The six trials: what every plan of the family goes through.
//!
//! Every action is delivered twice; each action fails; each undo is delivered twice; each undo fails; the process dies
//! after each step; and anything happens at any time, as the dice fall. One run of one plan under one trial counts one.
//! After each, every promise of [`super::promises`] is looked at, and what the trial itself expects.

use std::collections::BTreeMap;

use seaworthy_core::change::Change;
use seaworthy_core::document::Doc;
use seaworthy_core::plan::Plan;
use seaworthy_core::resource::ResourceId;
use seaworthy_core::run::Ending;
use seaworthy_core::run::Outcome;
use seaworthy_core::run::Run;
use seaworthy_core::run::State;
use seaworthy_testkit::faults::DISK_FAULTS;
use seaworthy_testkit::faults::MISHAPS;
use seaworthy_testkit::faults::Meddling;
use seaworthy_testkit::faults::Mishap;
use seaworthy_testkit::faults::Moment;
use seaworthy_testkit::power::Power;

use super::Stage;
use super::family::Case;
use super::family::Dice;
use super::promises;

/// The trials, and the run that nothing disturbs before them.
pub const TRIALS: [&str; 7] = [
    "undisturbed",
    "every action twice",
    "each action fails",
    "each undo twice",
    "each undo fails",
    "the process dies after each step",
    "anything at any time",
];

/// How often a plan goes through the sixth trial.
const RANDOM_RUNS: usize = 48;

/// What was tried.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many plans there were.
    pub plans: u64,
    /// How many runs, by trial.
    pub runs: [u64; 7],
    /// How often each fault struck in a run that kept every promise.
    pub struck: BTreeMap<&'static str, u64>,
    /// How often a process died.
    pub deaths: u64,
    /// How the runs ended.
    pub endings: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Returns how many runs there were.
    pub fn total(&self) -> u64 {
        self.runs.iter().sum()
    }

    /// Adds what another thread tried.
    pub fn add(&mut self, other: &Self) {
        self.plans += other.plans;
        self.deaths += other.deaths;
        self.runs.iter_mut().zip(other.runs).for_each(|(sum, runs)| *sum += runs);
        for (sums, others) in
            [(&mut self.struck, &other.struck), (&mut self.endings, &other.endings)]
        {
            others.iter().for_each(|(word, count)| *sums.entry(word).or_default() += count);
        }
    }
}

/// A promise that was broken, and in what.
#[derive(Clone, Debug)]
pub struct Broken {
    /// In which trial, and what was done to the run.
    pub about: String,
    /// What was broken.
    pub why: String,
    /// What was on the tape and in the journals.
    pub told: String,
}

/// A plan of the family, ready to be shipped.
pub struct Trials<'a> {
    case: &'a Case,
    planned: (Change, Plan),
    base: Stage,
    tally: &'a mut Tally,
}

/// How a run ended, and what was there then.
type End = (Outcome, BTreeMap<ResourceId, Doc>);

impl<'a> Trials<'a> {
    /// Plans a case. Nothing, if it cannot be planned.
    pub fn new(case: &'a Case, tally: &'a mut Tally) -> Option<Self> {
        let base = Stage::new(&case.story);
        base.person.always_says(true, "so it is");
        let planned = base.plan().ok()?;
        tally.plans += 1;
        Some(Self { case, planned, base, tally })
    }

    /// Puts the plan through all trials.
    pub fn all(&mut self, dice: &mut Dice) -> Result<(), Broken> {
        let (undisturbed, steps) = self.undisturbed(false)?;
        self.oracle(&undisturbed)?;
        let (broken, broken_steps) = self.undisturbed(true)?;
        self.twice(&undisturbed, false)?;
        self.action_fails(&undisturbed)?;
        if broken.0 == Outcome::RolledBack {
            self.twice(&broken, true)?;
            self.undo_fails()?;
        }
        self.dies(&undisturbed, steps, false)?;
        if broken.0 == Outcome::RolledBack {
            self.dies(&broken, broken_steps, true)?;
        }
        for number in 0..RANDOM_RUNS {
            self.random(dice, number)?;
        }
        Ok(())
    }

    /// A new world in which the plan was made; with `breaks`, every check fails while anything is changed.
    fn stage(&self, breaks: bool) -> Stage {
        let stage = self.base.fork();
        stage.person.always_says(true, "so it is");
        if breaks {
            stage.script.only_as(stage.first.clone());
        }
        stage
    }

    fn check(&self, stage: &Stage, about: &str, kept: Result<(), String>) -> Result<(), Broken> {
        kept.map_err(|why| Broken {
            about: about.to_owned(),
            why,
            told: format!("{}\n{}", self.case.story.file, stage.told()),
        })
    }

    fn expect(
        &self,
        stage: &Stage,
        about: &str,
        holds: bool,
        why: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        if holds { Ok(()) } else { self.check(stage, about, Err(why())) }
    }

    /// Looks at every promise when a run has ended, and counts it.
    fn ended(
        &mut self,
        trial: usize,
        stage: &Stage,
        about: &str,
        ending: &Ending,
    ) -> Result<End, Broken> {
        stage.outside.calm(&stage.tape);
        self.check(stage, about, promises::at_rest(stage))?;
        self.check(stage, about, promises::at_the_end(stage, &self.planned.1, ending))?;
        self.count(trial, stage);
        *self.tally.endings.entry(ending.outcome.word()).or_default() += 1;
        Ok((ending.outcome, stage.outside.docs()))
    }

    fn count(&mut self, trial: usize, stage: &Stage) {
        self.tally.runs[trial] += 1;
        for (word, count) in stage.outside.struck().into_iter().chain(stage.disk.struck()) {
            *self.tally.struck.entry(word).or_default() += count;
        }
        let jumps = stage.clock.jumped();
        if jumps > 0 {
            *self.tally.struck.entry("the clock jumps").or_default() += jumps;
        }
    }

    /// Ships in a process that does not die.
    fn ship(&self, stage: &Stage, about: &str) -> Result<Ending, Broken> {
        match stage.ship_in(&stage.power, &self.planned) {
            Some(Ok(ran)) => Ok(ran.ending),
            other => {
                let why = format!("it did not end: {}", words(other));
                Err(self.check(stage, about, Err(why)).unwrap_err())
            }
        }
    }

    fn resume(&self, stage: &Stage, about: &str, run: &Run) -> Result<Ending, Broken> {
        match stage.resume(run.id) {
            Ok(ran) => Ok(ran.ending),
            Err(error) => {
                let why = format!("it cannot be resumed: {}", error.to_text());
                Err(self.check(stage, about, Err(why)).unwrap_err())
            }
        }
    }

    fn undisturbed(&mut self, breaks: bool) -> Result<(End, usize), Broken> {
        let stage = self.stage(breaks);
        let power = Power::steady(&stage.tape);
        let about = format!("undisturbed, breaks: {breaks}");
        let ran = stage.ship_in(&power, &self.planned);
        let Some(Ok(ran)) = ran else {
            let why = format!("it did not end: {}", words(ran));
            return Err(self.check(&stage, &about, Err(why)).unwrap_err());
        };
        let end = self.ended(0, &stage, &about, &ran.ending)?;
        Ok((end, power.steps()))
    }

    /// What is there must be what the model says.
    fn oracle(&self, (outcome, docs): &End) -> Result<(), Broken> {
        let stage = &self.base;
        match outcome {
            Outcome::Succeeded | Outcome::Unverified => {
                let same = *docs == self.case.after;
                self.expect(stage, "undisturbed", same, || {
                    format!("expected {:?}, found {docs:?}", self.case.after)
                })
            }
            Outcome::RolledBack if !self.case.has_no_way_back => {
                let same = *docs == stage.first;
                self.expect(stage, "undisturbed", same, || format!("found {docs:?}"))
            }
            Outcome::RolledBack => Ok(()),
            // What lies under something that has no way back may not go back either.
            Outcome::Stuck if self.case.has_no_way_back => Ok(()),
            Outcome::Refused | Outcome::Waiting | Outcome::Stuck => {
                self.expect(stage, "undisturbed", false, || format!("it ended {outcome:?}"))
            }
        }
    }

    /// Each action, or each undo, is delivered twice; then all of them are.
    fn twice(&mut self, usual: &End, undoing: bool) -> Result<(), Broken> {
        let all: Vec<usize> = (0..self.case.actions).collect();
        let mut cases: Vec<Vec<usize>> = all.iter().map(|n| vec![*n]).collect();
        cases.push(all);
        for which in cases {
            let stage = self.stage(undoing);
            for n in &which {
                stage.outside.strike(Moment { n: *n, undoing }, Mishap::Twice);
            }
            let about = format!("{which:?} twice, undoing: {undoing}");
            let ending = self.ship(&stage, &about)?;
            let end = self.ended(if undoing { 3 } else { 1 }, &stage, &about, &ending)?;
            // Where nobody can tell what an action does, the second answer says that nobody can tell whether it did.
            let untold = self.case.can_be_in_part && end.0 == Outcome::Stuck;
            self.expect(&stage, &about, end == *usual || untold, || {
                format!("expected {usual:?}\n   found {end:?} {ending:?}")
            })?;
        }
        Ok(())
    }

    /// Each action fails in each way.
    fn action_fails(&mut self, usual: &End) -> Result<(), Broken> {
        for n in 0..self.case.actions {
            for mishap in MISHAPS {
                let stage = self.stage(false);
                stage.outside.strike(Moment { n, undoing: false }, mishap);
                let about = format!("action {n}: {mishap:?}");
                let ending = self.ship(&stage, &about)?;
                let end = self.ended(2, &stage, &about, &ending)?;
                // What cannot be read may be stuck; so may be what others wrote to, and what lies under something that
                // has no way back.
                let may_be_stuck = matches!(mishap, Mishap::Unreadable | Mishap::Overtaken)
                    || self.case.has_no_way_back
                    || (mishap == Mishap::Twice && self.case.can_be_in_part);
                // What a step did of which nobody can tell what it does, no reading tells.
                let untold = matches!(mishap, Mishap::Pretends | Mishap::Different)
                    && self.case.can_be_in_part;
                let gone_back = matches!(end.0, Outcome::Refused | Outcome::RolledBack);
                // And where such a step did nothing, the command that undoes a later one puts back what its author thought
                // would be there, not what was there: that is found, and named.
                let stuck = end.0 == Outcome::Stuck && (may_be_stuck || untold);
                let theirs = stage.outside.meddled();
                let ours = |end: &End| {
                    let mut docs = end.1.clone();
                    docs.retain(|resource, _| !theirs.contains(resource));
                    (end.0, docs)
                };
                let as_usual = ours(&end) == ours(usual) || (untold && end.0 == usual.0);
                self.expect(&stage, &about, as_usual || gone_back || stuck, || {
                    format!("expected {usual:?}\n   found {end:?} {ending:?}")
                })?;
            }
        }
        Ok(())
    }

    /// Each undo fails: the run is stuck, or the undo was not needed. When it is mended, it goes back.
    fn undo_fails(&mut self) -> Result<(), Broken> {
        use Mishap as M;
        for n in 0..self.case.actions {
            for mishap in [
                M::Refuses,
                M::LostBefore,
                M::LostAfter,
                M::Pretends,
                M::Delayed,
                M::StaleReads,
                M::Throttled,
                M::ThrottledForEver,
            ] {
                let stage = self.stage(true);
                stage.outside.strike(Moment { n, undoing: true }, mishap);
                let about = format!("undo {n}: {mishap:?}");
                let ending = self.ship(&stage, &about)?;
                let end = self.ended(4, &stage, &about, &ending)?;
                if end.0 == Outcome::RolledBack {
                    continue;
                }
                let stuck = end.0 == Outcome::Stuck && !ending.left.is_empty();
                self.expect(&stage, &about, stuck, || format!("it ended {ending:?}"))?;
                stage.outside.mend();
                let row = only_run(&stage);
                let ending = self.resume(&stage, &format!("{about}, mended"), &row)?;
                let back = ending.outcome == Outcome::RolledBack
                    || (ending.outcome == Outcome::Stuck && self.case.can_be_in_part);
                self.expect(&stage, &about, back, || format!("mended, it ended {ending:?}"))?;
                self.settled(&stage, &about, &ending)?;
            }
        }
        Ok(())
    }

    fn settled(&self, stage: &Stage, about: &str, ending: &Ending) -> Result<(), Broken> {
        stage.outside.calm(&stage.tape);
        self.check(stage, about, promises::at_rest(stage))?;
        self.check(stage, about, promises::at_the_end(stage, &self.planned.1, ending))
    }

    /// The process dies after each step, and another one resumes the run.
    fn dies(&mut self, usual: &End, steps: usize, breaks: bool) -> Result<(), Broken> {
        for after in 1..=steps {
            let stage = self.stage(breaks);
            let about = format!("cut after step {after}, breaks: {breaks}");
            let power = Power::cut_after(&stage.tape, after);
            let ran = stage.ship_in(&power, &self.planned);
            self.expect(&stage, &about, ran.is_none(), || "it lives".to_owned())?;
            self.tally.deaths += 1;
            let row = only_run(&stage);
            let ending = match row.ending.clone().filter(|_| row.state.is_over()) {
                Some(ending) => ending,
                None => {
                    self.check(&stage, &about, promises::at_rest(&stage))?;
                    self.resume(&stage, &about, &row)?
                }
            };
            let end = self.ended(5, &stage, &about, &ending)?;
            // Before the first record nobody knows on which terms it was to run.
            let refused = end.0 == Outcome::Refused && end.1 == stage.first;
            let in_part = self.case.can_be_in_part && end.0 == Outcome::Stuck;
            // What lies under a step that has no way back may be as before all the same: whoever carries the run on sees that,
            // and whoever did it only that it is not what its undo was to leave.
            let back = self.case.has_no_way_back
                && (usual.0, end.0) == (Outcome::Stuck, Outcome::RolledBack)
                && usual.1 == end.1;
            let fine = end == *usual || refused || in_part || back || self.case.asks_once;
            self.expect(&stage, &about, fine, || {
                format!("expected {usual:?}\n   found {end:?} {ending:?}")
            })?;
        }
        Ok(())
    }

    /// Anything at any time.
    fn random(&mut self, dice: &mut Dice, number: usize) -> Result<(), Broken> {
        let stage = self.stage(dice.once_in(3));
        let mut about = format!("random {number}");
        let told = self.trouble(dice, &stage);
        about.push_str(&told);
        let cut = dice.once_in(2).then(|| 1 + dice.roll(50));
        let power = match cut {
            Some(after) => Power::cut_after(&stage.tape, after),
            None => Power::steady(&stage.tape),
        };
        about.push_str(&format!(", cut: {cut:?}"));
        let ran = stage.ship_in(&power, &self.planned);
        self.tally.deaths += u64::from(!power.is_on());
        power.cut();
        self.check(&stage, &about, promises::at_rest(&stage))?;
        let Some(mut row) = stage.runs().pop() else {
            // It never began.
            let fine = matches!(ran, Some(Err(_)) | None);
            self.expect(&stage, &about, fine, || "there is no run".to_owned())?;
            self.count(6, &stage);
            return Ok(());
        };
        for again in 0..5 {
            if row.state.is_over() {
                break;
            }
            if let Some(ending) = row.ending.clone().filter(|_| row.state == State::Stuck) {
                self.settled(&stage, &format!("{about}, stuck"), &ending)?;
            }
            if again == 2 || row.state == State::Stuck {
                stage.outside.mend();
                stage.disk.mend();
            }
            if row.state == State::Waiting || again == 2 {
                stage.person.always_says(true, "so it is");
            }
            let power = match again {
                0 if dice.once_in(3) => Power::cut_after(&stage.tape, 1 + dice.roll(12)),
                _ => Power::steady(&stage.tape),
            };
            let _ended_or_not = stage.resume_in(&power, row.id);
            self.tally.deaths += u64::from(!power.is_on());
            power.cut();
            self.check(&stage, &about, promises::at_rest(&stage))?;
            row = stage.row(row.id);
        }
        let ended = row.state.is_over() || row.state == State::Stuck;
        let ending = row.ending.clone().filter(|_| ended);
        let Some(ending) = ending else {
            let why = format!("it does not end: it is {}", row.state.word());
            return self.check(&stage, &about, Err(why));
        };
        self.ended(6, &stage, &about, &ending)?;
        if matches!(row.state, State::Succeeded | State::Unverified) && dice.once_in(2) {
            self.back(&stage, &format!("{about}, rolled back"))?;
        }
        Ok(())
    }

    /// Arranges for some trouble; says which.
    fn trouble(&self, dice: &mut Dice, stage: &Stage) -> String {
        let mut told = String::new();
        for _ in 0..dice.roll(4) {
            let moment = Moment { n: dice.roll(self.case.actions), undoing: dice.once_in(2) };
            let mishap = dice.pick(&MISHAPS);
            stage.outside.strike(moment, mishap);
            told.push_str(&format!(", {mishap:?} at {moment:?}"));
        }
        if dice.once_in(3) {
            let kinds = [Meddling::Adds, Meddling::Changes, Meddling::Removes];
            let mut meddled = Vec::new();
            for _ in 0..1 + dice.roll(2) {
                let (touch, meddling) = (1 + dice.roll(40), dice.pick(&kinds));
                let base = dice.pick(&self.planned.1.base);
                // Whoever takes back what they did themselves leaves nothing to be seen.
                if meddled.contains(&base.resource) {
                    continue;
                }
                meddled.push(base.resource.clone());
                stage.outside.others_will(touch, base.resource.clone(), meddling);
                told.push_str(&format!(", {meddling:?} {} at touch {touch}", base.resource));
            }
        }
        if dice.once_in(3) {
            for _ in 0..1 + dice.roll(2) {
                let (nth, fault) = (1 + dice.roll(20), dice.pick(&DISK_FAULTS));
                stage.disk.strike(nth, fault);
                told.push_str(&format!(", {fault:?} at {nth}"));
            }
        }
        if dice.once_in(3) {
            for _ in 0..1 + dice.roll(2) {
                let by = dice.pick(&[10_000, 3_600_000, 864_000_000]);
                let by = if dice.once_in(2) { by } else { -by };
                let asked = 1 + dice.roll(60);
                stage.clock.will_jump(asked, by);
                told.push_str(&format!(", the clock jumps by {by} ms at {asked}"));
            }
        }
        if dice.once_in(8) {
            stage.person.is_away();
            told.push_str(", nobody is there");
        }
        told
    }

    /// What was shipped is rolled back.
    fn back(&mut self, stage: &Stage, about: &str) -> Result<(), Broken> {
        stage.outside.mend();
        stage.disk.mend();
        stage.person.always_says(true, "so it is");
        // A plan in which nothing is left to undo is refused.
        let Ok(plan) = stage.plan_rollback(None) else { return Ok(()) };
        let ran = match stage.admit_in(&stage.power, &plan) {
            Some(Ok(ran)) => ran,
            other => {
                let why = format!("it did not end: {}", words(other));
                return self.check(stage, about, Err(why));
            }
        };
        stage.outside.calm(&stage.tape);
        self.check(stage, about, promises::at_rest(stage))?;
        self.check(stage, about, promises::at_the_end(stage, &plan, &ran.ending))?;
        if ran.ending.outcome != Outcome::Succeeded || self.case.has_no_way_back {
            return Ok(());
        }
        let theirs = stage.outside.meddled();
        let docs = stage.outside.docs();
        let all = docs.keys().chain(stage.first.keys());
        for resource in all.filter(|resource| !theirs.contains(resource)) {
            let same = docs.get(resource) == stage.first.get(resource);
            self.expect(stage, about, same, || {
                format!("{resource} is {:?} after the rollback", docs.get(resource))
            })?;
        }
        Ok(())
    }
}

fn words<T: std::fmt::Debug>(
    ran: Option<Result<T, seaworthy_core::explain::Explanation>>,
) -> String {
    match ran {
        None => "its process died".to_owned(),
        Some(Ok(ran)) => format!("{ran:?}"),
        Some(Err(error)) => error.to_text(),
    }
}

fn only_run(stage: &Stage) -> Run {
    stage.disk.look(|held| match held.runs {
        [(run, _)] => run.clone(),
        runs => panic!("{} runs", runs.len()),
    })
}

/// Puts one plan of the family through all trials; a panic on the way is told as well.
///
/// # Errors
///
/// The promise that was broken.
pub fn put(seed: u64, number: u64) -> Result<Tally, Broken> {
    let case = super::family::case(seed, number);
    let tried = std::panic::catch_unwind(|| {
        let mut tally = Tally::default();
        let mut dice = Dice::new(!seed, number);
        if let Some(mut trials) = Trials::new(&case, &mut tally) {
            trials.all(&mut dice)?;
        }
        Ok(tally)
    });
    tried.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let why = format!("it panicked: {}", said.unwrap_or_default());
        Err(Broken { about: String::new(), why, told: case.story.file.clone() })
    })
}

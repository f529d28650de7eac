//! Ctrl-C and SIGTERM while a run goes on, with the real program: once, twice, with and without a terminal.

mod runner;

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use runner::Place;
use runner::Told;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use rustix::process::kill_process_group;

/// How long anything may take that should happen soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workspace with a change: its first action sets a file, its second is a command that says its process id and waits
/// until it is let go.
fn at_the_gate() -> Place {
    let place = Place::begun();
    for name in ["begun", "gate"] {
        let made = Command::new("mkfifo").arg(place.path(name)).status().expect("the bench works");
        assert!(made.success());
    }
    with_command(&place, "echo $$ > begun; read x < gate; echo $x > done.txt");
    place
}

fn with_command(place: &Place, line: &str) {
    place.write("flows/earth.json", "{\"active\":true}\n");
    place.write(
        "changes/winter/change.toml",
        &format!(
            "scope = \"Deactivating the Venus intake workflow over the winter\"\n\n\
             [[action]]\nset = \"flows:file/venus.json\"\nvalue = {{ active = false }}\n\n\
             [[action]]\nrun = \"shell:command\"\ncommand = [\"sh\", \"-c\", \"{line}\"]\n\
             undo = [\"rm\", \"-f\", \"done.txt\"]\ntouches = [\"flows:file/mars.json\"]\n\n\
             [[action]]\nset = \"flows:file/earth.json\"\nvalue = {{ active = false }}\n\n\
             [[check]]\nname = \"it is off\"\nfile = \"flows/venus.json\"\ncontains = 'false'\n"
        ),
    );
}

/// A program that goes on, and what it said so far.
struct Going {
    child: Child,
    heard: mpsc::Receiver<String>,
    said: String,
}

impl Going {
    /// Starts the program in a process group of its own, as a shell with a terminal does.
    fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command(words);
        command.process_group(0).stdin(Stdio::null());
        Self::of(command)
    }

    /// Starts the program at a terminal. What is typed comes by its standard input.
    fn at_a_terminal(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command(&[]);
        let mut script = Command::new("script");
        let line = format!("exec {} {}", command.get_program().display(), words.join(" "));
        script.args(["-qefc", &line, "/dev/null"]).env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                script.env(name, value);
            }
        }
        script.current_dir(place.path("")).env("TERM", "xterm-256color").stdin(Stdio::piped());
        command = script;
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the bench works");
        let (says, heard) = mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("the bench works")),
            Box::new(child.stderr.take().expect("the bench works")),
        ];
        for mut stream in streams {
            let says = says.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let _nobody = says.send(String::from_utf8_lossy(&bytes[..count]).into_owned());
                }
            });
        }
        Self { child, heard, said: String::new() }
    }

    /// Waits until it has said something.
    #[track_caller]
    fn says(&mut self, text: &str) {
        while !self.said.contains(text) {
            match self.heard.recv_timeout(PATIENCE) {
                Ok(more) => self.said.push_str(&more),
                Err(error) => panic!("{error}: it does not say `{text}`:\n{}", self.said),
            }
        }
    }

    /// Sends a signal to the program, or to all that have its terminal.
    fn signal(&self, signal: Signal, whole_group: bool) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let id = id.expect("the bench works");
        let send = if whole_group { kill_process_group } else { kill_process };
        send(id, signal).expect("the bench works");
    }

    fn types(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("the bench works");
        stdin.write_all(keys.as_bytes()).expect("the bench works");
        stdin.flush().expect("the bench works");
    }

    /// Waits for its end; returns the exit code and all that it said.
    fn ends(mut self) -> (i32, String) {
        while let Ok(more) = self.heard.recv_timeout(PATIENCE) {
            self.said.push_str(&more);
        }
        let code = self.child.wait().expect("the bench works").code();
        (code.unwrap_or(-1), self.said)
    }
}

/// Waits until the command runs; returns its process.
fn begun(place: &Place) -> String {
    let path = place.path("begun");
    let (says, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let file = std::fs::File::open(path).expect("the bench works");
        let mut line = String::new();
        BufReader::new(file).read_line(&mut line).expect("the bench works");
        says.send(line.trim().to_owned())
    });
    heard.recv_timeout(PATIENCE).expect("the command begins")
}

/// Lets the command go on.
fn open(place: &Place) {
    let path = place.path("gate");
    let (says, heard) = mpsc::channel();
    std::thread::spawn(move || says.send(std::fs::write(path, "winter\n").is_ok()));
    assert!(heard.recv_timeout(PATIENCE).expect("the command reads"), "the gate opens");
}

fn is_alive(process: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn one_ctrl_c_lets_the_action_finish_and_the_run_is_resumed_later() {
    let place = at_the_gate();
    let mut going = Going::start(&place, &["ship", "--yes"]);
    begun(&place);
    // As a terminal does it: to all processes that have the terminal.
    going.signal(Signal::INT, true);
    going.says("finishing the current action; press Ctrl-C again to stop at once");
    open(&place);
    let (code, said) = going.ends();
    assert_eq!(code, 5, "{said}");
    contains(
        &said,
        &[
            "error[stopped]: run-1 of `winter` stopped, to be resumed",
            "2 of 3 actions of run-1 are applied, 1 never began",
            "nothing was under way; every backup is kept",
            "run `seaworthy resume run-1` to carry it on",
        ],
    );
    assert_eq!(place.read("done.txt"), "winter\n", "the command was not disturbed");
    let told = place.run(&["status"]);
    contains(&told.out, &["its process is gone", "seaworthy resume run-1"]);
    let told = place.run(&["resume"]);
    assert_eq!(told.code, 0, "{}", told.err);
    contains(&place.run(&["show", "run-1"]).out, &["stopped it, to be resumed (Ctrl-C)"]);
}

#[test]
fn two_ctrl_c_stop_at_once_with_the_command_and_say_what_was_under_way() {
    let place = at_the_gate();
    let mut going = Going::start(&place, &["ship", "--yes"]);
    let process = begun(&place);
    going.signal(Signal::INT, true);
    going.says("press Ctrl-C again to stop at once");
    assert!(is_alive(&process), "the first one is not for the command");
    going.signal(Signal::INT, true);
    let (code, said) = going.ends();
    assert_eq!(code, 5, "{said}");
    contains(
        &said,
        &[
            "error[stopped]: run-1 of `winter` was stopped at once",
            "action 2 of 3, `",
            "was under way: it may or may not have happened, or in part",
            "1 of 3 actions of run-1 are applied, 1 never began",
            "run `seaworthy resume run-1`; it looks what was done before it does anything",
        ],
    );
    assert!(!is_alive(&process), "the command ended with it");
    // A command is not done again unknowingly.
    let told = place.run(&["resume"]);
    assert_eq!(told.code, 5, "{}", told.err);
    contains(&told.err, &["error[stuck]"]);
}

#[test]
fn a_person_at_the_terminal_is_asked_what_is_to_become_of_the_run() {
    for (keys, code, words) in [
        ("carry\r", 0, "succeeded"),
        ("roll\r", 4, "run-1 of `winter` was stopped and rolled back"),
        ("leave\r", 5, "run-1 of `winter` was left half-way"),
        ("\x03", 5, "run-1 of `winter` stopped, to be resumed"),
    ] {
        let place = at_the_gate();
        let mut going = Going::at_a_terminal(&place, &["ship", "--yes"]);
        begun(&place);
        going.types("\x03");
        going.says("finishing the current action");
        open(&place);
        going.says("2 of 3 actions of run-1 are applied, 1 never began");
        going.says("What now?");
        going.says("leave it as it is: stuck, until it is resumed or settled");
        going.types(keys);
        let (ended, said) = going.ends();
        assert_eq!(ended, code, "{keys:?}: {said}");
        contains(&said, &[words]);
        let off = code != 4;
        assert_eq!(place.read("flows/venus.json") != runner::VENUS, off, "{keys:?}: {said}");
        assert_eq!(place.path("done.txt").exists(), off, "{keys:?}");
    }
}

#[test]
fn a_run_that_was_left_is_stuck_until_it_is_resumed() {
    let place = at_the_gate();
    let mut going = Going::at_a_terminal(&place, &["ship", "--yes"]);
    begun(&place);
    going.types("\x03");
    going.says("finishing the current action");
    open(&place);
    going.says("What now?");
    going.types("leave\r");
    assert_eq!(going.ends().0, 5);
    let told = place.run(&["status"]);
    contains(&told.out, &["stuck  run-1 of winter", "action 1 is applied, and nobody verified"]);
    let told = place.run(&["resume"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(place.run(&["log", "verify"]).code, 0);
}

#[test]
fn a_signal_before_the_first_action_leaves_everything_as_it_was() {
    let place = at_the_gate();
    let file = place.read("changes/winter/change.toml");
    place.write(
        "changes/winter/change.toml",
        &format!(
            "{file}\n[[check]]\nname = \"slow\"\ncommand = [\"sh\", \"-c\", \"echo $$ > begun; read x < gate\"]\neffects = \"none\"\n"
        ),
    );
    let going = Going::start(&place, &["ship", "--yes"]);
    begun(&place);
    going.signal(Signal::TERM, false);
    let (code, said) = going.ends();
    assert_eq!(code, 1, "{said}");
    contains(
        &said,
        &[
            "error[stopped]: run-1 of `winter` was refused before anything was touched",
            "why: ada@example.com stopped it (SIGTERM)",
            "state: nothing was changed",
            "next: run `seaworthy ship winter` to ship it",
        ],
    );
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
    let (_, status) = place.json(&["status"]);
    assert_eq!(status["runs"], serde_json::json!([]), "nothing is left open");
}

#[test]
fn a_run_that_was_started_with_nohup_outlives_its_terminal() {
    let place = at_the_gate();
    let ship = place.command(&["ship", "--yes"]);
    let mut nohup = Command::new("nohup");
    nohup.arg(ship.get_program()).args(ship.get_args()).env_clear();
    nohup.envs(ship.get_envs().filter_map(|(name, value)| Some((name, value?))));
    nohup.current_dir(place.path("")).process_group(0).stdin(Stdio::null());
    let going = Going::of(nohup);
    begun(&place);
    going.signal(Signal::HUP, false);
    open(&place);
    let (code, said) = going.ends();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("SIGHUP"), "{said}");
    assert_ne!(place.read("flows/venus.json"), runner::VENUS);
}

#[test]
fn a_run_that_sleeps_between_two_tries_of_a_check_stops_at_once() {
    let place = Place::begun();
    place.change("winter", "nowhere");
    let file = place.read("changes/winter/change.toml").replace("\"10ms\"", "\"4m\"");
    place.write("changes/winter/change.toml", &file);
    let mut going = Going::start(&place, &["ship", "--yes"]);
    going.says("it is off: failed");
    going.says("verify");
    going.signal(Signal::TERM, false);
    let (code, said) = going.ends();
    assert_eq!(code, 5, "{said}");
    contains(&said, &["1 of 1 actions of run-1 are applied"]);
}

#[test]
fn a_run_that_waits_for_another_leaves_nothing_behind() {
    let place = at_the_gate();
    let mut first = Going::start(&place, &["ship", "--yes"]);
    begun(&place);
    place.change("summer", "false");
    let mut second = Going::start(&place, &["ship", "summer", "--yes", "--wait", "15m"]);
    second.says("run-1 of `winter` holds");
    second.signal(Signal::INT, true);
    let (code, said) = second.ends();
    assert_eq!(code, 1, "{said}");
    contains(&said, &["error[stopped]: `summer` was not begun", "nothing was changed"]);
    open(&place);
    first.says("succeeded");
    assert_eq!(first.ends().0, 0);
    let (_, status) = place.json(&["status"]);
    assert_eq!(status["runs"], serde_json::json!([]), "{status}");
}

#[test]
fn a_task_for_a_person_is_left_with_ctrl_c_and_waits() {
    let place = Place::begun();
    place.write(
        "changes/form/change.toml",
        "scope = \"Publishing the new Venus form in the form builder\"\n\n[[action]]\nmanual = \"Publish the new form\"\nundo = \"Unpublish it\"\ntouches = [\"url:https://forms.example/venus\"]\n\n[[check]]\nname = \"still there\"\nfile = \"flows/venus.json\"\ncontains = \"Venus\"\n",
    );
    let mut going = Going::at_a_terminal(&place, &["ship", "--yes"]);
    going.says("Publish the new form");
    going.says("(y/N)");
    going.types("\x03");
    let (code, said) = going.ends();
    assert_eq!(code, 8, "{said}");
    let told: Told = place.run(&["resume", "--confirm"]);
    assert_eq!(told.code, 0, "{}", told.err);
}

#[test]
fn a_command_that_asks_at_the_terminal_is_ended_and_says_so() {
    let place = Place::begun();
    with_command(&place, "read x < /dev/tty; echo $x > done.txt");
    let mut going = Going::at_a_terminal(&place, &["ship", "--yes"]);
    going.says("error[");
    let (code, said) = going.ends();
    assert_eq!(code, 4, "{said}");
    contains(&said, &["it asked something at the terminal, which the commands of a run have not"]);
    assert_eq!(place.read("flows/venus.json"), runner::VENUS);
}

//! What a program asked of the file system, recorded by strace(1).
//!
//! Only what changes a file, and what makes it durable, is recorded. A call that this file does not understand is an
//! error, so that nothing is left out unseen.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

/// The calls that are recorded.
const CALLS: &str = "trace=open,openat,creat,close,lseek,dup,dup2,dup3,write,pwrite64,writev,pwritev,pwritev2,\
    truncate,ftruncate,fallocate,copy_file_range,sendfile,splice,mmap,fsync,fdatasync,sync_file_range,sync,syncfs,\
    rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,execve";

/// One thing that was asked of the file system, and done.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// A file was opened for writing, and made or emptied if that was asked for.
    Open { path: PathBuf, create: bool, empty: bool },
    /// Bytes were written; at the end if no place is named.
    Write { path: PathBuf, at: Option<u64>, bytes: Vec<u8> },
    /// A file was cut or lengthened.
    Resize { path: PathBuf, length: u64 },
    /// A file or a folder was made durable.
    Sync { path: PathBuf },
    /// It has another name.
    Rename { from: PathBuf, to: PathBuf },
    /// It has no name any more.
    Remove { path: PathBuf },
    /// A folder was made.
    Folder { path: PathBuf },
    /// A link was made.
    Link { path: PathBuf, to: PathBuf },
}

/// A call, and whether our own program made it, not a child that runs another program.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) ours: bool,
    pub(crate) call: Call,
}

/// Runs a command under strace, and returns its exit code and what it asked for.
///
/// A machine that does not let strace work is an error: there is nothing to be seen then.
pub(crate) fn record(command: &Command, folder: &Path) -> (i32, Vec<Made>) {
    let out = folder.join("trace");
    let path = std::env::var_os("PATH").unwrap();
    let strace = std::env::split_paths(&path).map(|folder| folder.join("strace"));
    let strace = strace.into_iter().find(|path| path.exists()).expect(
        "strace is not installed; `cargo xtask test` installs it, or `apt-get install strace`",
    );
    let mut traced = Command::new(strace);
    traced
        .args(["-f", "--seccomp-bpf", "-y", "-xx", "-s", "99999999", "-e", CALLS, "-o"])
        .arg(&out);
    traced.arg(command.get_program()).args(command.get_args());
    traced.current_dir(command.get_current_dir().unwrap()).env_clear();
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = traced.stdin(Stdio::null()).output().unwrap();
    let text = std::fs::read_to_string(&out).unwrap_or_default();
    let base = command.get_current_dir().unwrap().to_owned();
    let made = Reader { base, ..Reader::default() }.read(&text);
    assert!(
        !made.is_empty(),
        "strace recorded nothing; does this machine forbid ptrace? {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    (ran.status.code().unwrap_or(-1), made)
}

/// An open file: where the next byte goes; nowhere if it goes to the end.
type Places = BTreeMap<u64, Option<u64>>;

#[derive(Default)]
struct Reader {
    /// Where children work; our own program names files by their whole path.
    base: PathBuf,
    first: Option<String>,
    children: BTreeSet<String>,
    halves: BTreeMap<String, String>,
    places: Places,
    made: Vec<Made>,
}

impl Reader {
    fn read(mut self, text: &str) -> Vec<Made> {
        for line in text.lines() {
            let (process, rest) = line.split_once(' ').unwrap();
            let rest = rest.trim_start();
            if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
                self.halves.insert(process.to_owned(), begun.to_owned());
            } else if let Some(rest) = rest.strip_prefix("<... ") {
                let (_, rest) = rest.split_once(" resumed>").unwrap();
                let begun = self.halves.remove(process).unwrap_or_default();
                self.call(process, &format!("{begun}{rest}"));
            } else if !rest.starts_with("+++") && !rest.starts_with("---") {
                self.call(process, rest);
            }
        }
        self.made
    }

    fn call(&mut self, process: &str, text: &str) {
        let (name, rest) = text.split_once('(').unwrap();
        let (arguments, answer) = rest.rsplit_once(" = ").unwrap();
        let arguments = arguments.trim_end().strip_suffix(')').unwrap();
        // What failed, or was not answered because the process was gone, did nothing.
        if answer.starts_with('-') || answer.starts_with('?') {
            return;
        }
        if name == "execve" {
            if self.first.is_some() {
                self.children.insert(process.to_owned());
            }
            self.first.get_or_insert_with(|| process.to_owned());
            return;
        }
        let ours = !self.children.contains(process);
        let words = split(arguments);
        if let Some(call) = self.read_call(name, &words, answer, ours) {
            self.made.push(Made { ours, call });
        }
    }

    fn read_call(&mut self, name: &str, words: &[&str], answer: &str, ours: bool) -> Option<Call> {
        let base = self.base.clone();
        let at = |word: &str| base.join(text(word));
        let number = |word: &str| word.parse::<u64>().unwrap_or_else(|_| panic!("{name} {word}"));
        match name {
            "open" => self.open(at(words[0]), words[1], answer, ours),
            "openat" => self.open(below(words[0], words[1]), words[2], answer, ours),
            "close" => {
                if ours {
                    self.places.remove(&descriptor(words[0]));
                }
                None
            }
            "lseek" => {
                if let Some(Some(place)) = self.places.get_mut(&descriptor(words[0])) {
                    *place = number(answer);
                }
                None
            }
            "write" => {
                let (path, bytes) = (path_of(words[0])?, bytes(words[1]));
                if !ours {
                    return Some(Call::Write { path, at: None, bytes });
                }
                let place = self.places.get_mut(&descriptor(words[0]))?;
                let at = *place;
                if let Some(place) = place {
                    *place += bytes.len() as u64;
                }
                Some(Call::Write { path, at, bytes })
            }
            "pwrite64" => {
                let (path, at) = (path_of(words[0])?, Some(number(words[3])));
                Some(Call::Write { path, at, bytes: bytes(words[1]) })
            }
            "ftruncate" => {
                Some(Call::Resize { path: path_of(words[0])?, length: number(words[1]) })
            }
            "fsync" | "fdatasync" => Some(Call::Sync { path: path_of(words[0])? }),
            "rename" => Some(Call::Rename { from: at(words[0]), to: at(words[1]) }),
            "renameat" | "renameat2" => Some(Call::Rename {
                from: below(words[0], words[1]),
                to: below(words[2], words[3]),
            }),
            "unlink" | "rmdir" => Some(Call::Remove { path: at(words[0]) }),
            "unlinkat" => Some(Call::Remove { path: below(words[0], words[1]) }),
            "mkdir" => Some(Call::Folder { path: at(words[0]) }),
            "mkdirat" => Some(Call::Folder { path: below(words[0], words[1]) }),
            "symlink" => Some(Call::Link { to: text(words[0]).into(), path: at(words[1]) }),
            "symlinkat" => {
                Some(Call::Link { to: text(words[0]).into(), path: below(words[1], words[2]) })
            }
            "mmap" => {
                let shared = words[3].contains("MAP_SHARED") && words[2].contains("PROT_WRITE");
                let path = if shared { path_of(words[4]) } else { None }?;
                // SQLite's index of its log needs no durability: it is made anew.
                assert!(path.to_string_lossy().ends_with("-shm"), "{} is mapped", path.display());
                None
            }
            "dup" | "dup2" | "dup3" => {
                assert!(
                    !ours || path_of(words[0]).is_none(),
                    "a file has two descriptors: {words:?}"
                );
                None
            }
            // Our own program has no use for these; if it had, they would have to be understood.
            "creat" | "truncate" | "link" | "linkat" | "sync" | "syncfs" => {
                assert!(!ours, "{name} is not understood");
                None
            }
            // Pipes, sockets and terminals only; on a file we would not understand it.
            _ => {
                let files = words.iter().filter_map(|word| path_of(word));
                let files: Vec<PathBuf> = files.filter(|path| path.exists()).collect();
                assert!(!ours || files.is_empty(), "{name} on {files:?} is not understood");
                None
            }
        }
    }

    fn open(&mut self, path: PathBuf, flags: &str, answer: &str, ours: bool) -> Option<Call> {
        let has = |flag: &str| flags.split('|').any(|one| one == flag);
        if ours {
            let end = has("O_APPEND");
            self.places.insert(descriptor(answer), if end { None } else { Some(0) });
        }
        let (create, empty) = (has("O_CREAT"), has("O_TRUNC"));
        (create || empty).then_some(Call::Open { path, create, empty })
    }
}

/// Splits arguments at the commas that are not within something.
fn split(arguments: &str) -> Vec<&str> {
    let (mut words, mut begun, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, letter) in arguments.bytes().enumerate() {
        match letter {
            b'"' => quoted = !quoted,
            b'[' | b'{' | b'(' | b'<' if !quoted => depth += 1,
            b']' | b'}' | b')' | b'>' if !quoted => depth -= 1,
            b',' if !quoted && depth == 0 => {
                words.push(arguments[begun..at].trim());
                begun = at + 1;
            }
            _ => {}
        }
    }
    words.push(arguments[begun..].trim());
    words
}

fn descriptor(word: &str) -> u64 {
    let digits = word.split(|letter: char| !letter.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap_or_else(|_| panic!("{word} is no descriptor"))
}

/// Returns the file that a descriptor means; none for a pipe, a socket, or a file that has no name any more.
fn path_of(word: &str) -> Option<PathBuf> {
    let (_, rest) = word.split_once('<')?;
    let (path, rest) = rest.split_once('>')?;
    let path = unhex(path);
    (path.starts_with(b"/") && !rest.contains("deleted") && !path.ends_with(b" (deleted)"))
        .then(|| PathBuf::from(String::from_utf8(path).unwrap()))
}

fn below(folder: &str, path: &str) -> PathBuf {
    let path = PathBuf::from(text(path));
    if path.is_absolute() { path } else { path_of(folder).unwrap().join(path) }
}

fn text(word: &str) -> String {
    String::from_utf8(bytes(word)).unwrap()
}

fn bytes(word: &str) -> Vec<u8> {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
    unhex(inner.unwrap_or_else(|| panic!("this text is not whole: {word}")))
}

/// Reads `\x2f\x74`.
fn unhex(text: &str) -> Vec<u8> {
    let digit = |letter: u8| (letter as char).to_digit(16).unwrap() as u8;
    let pairs = text.as_bytes().chunks(4);
    pairs
        .map(|pair| {
            assert!(pair.len() == 4 && pair.starts_with(b"\\x"), "{text}");
            digit(pair[2]) << 4 | digit(pair[3])
        })
        .collect()
}

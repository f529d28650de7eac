//! A disk as it could look after the machine's power was cut.
//!
//! What the POSIX calls promise is there, and nothing else is relied on: a file's bytes are there from its fsync on, its
//! name from the fsync of its folder on. What was written since may be there, or not, or in part:
//!
//! - of the names, none, the first half, every second one, or all;
//! - of the bytes, none, zeros of the right length, every second write, all, or all but the last one's end.
//!
//! A file system keeps more than that (ext4 keeps the order of names, say); whoever stands this stands any of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use super::trace::Call;
use super::trace::Made;

/// A file, folder or link, whatever its names are.
#[derive(Clone, Debug)]
enum Node {
    File { durable: Vec<u8>, since: Vec<Change>, mode: u32 },
    Folder { durable: BTreeMap<OsString, usize>, live: BTreeMap<OsString, usize> },
    Link(PathBuf),
}

/// What was done to a file's bytes since they were durable.
#[derive(Clone, Debug)]
enum Change {
    Write(Option<u64>, Vec<u8>),
    Resize(u64),
}

/// What was done to names since they were durable: which name in which folder means what now.
type Naming = Vec<(usize, OsString, Option<usize>)>;

/// Which of the names that are not durable are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Names {
    None,
    FirstHalf,
    EverySecond,
    All,
}

/// Which of the bytes that are not durable are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bytes {
    None,
    Zeros,
    EverySecond,
    /// All, but of the last write of each file only what lies before a multiple of this many bytes.
    Torn(usize),
    All,
}

/// What a power cut leaves of that which is not durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cut {
    pub(crate) names: Names,
    pub(crate) bytes: Bytes,
}

/// Everything is there, as if it had been written through.
pub(crate) const WRITTEN_THROUGH: Cut = Cut { names: Names::All, bytes: Bytes::All };

/// The cuts that are tried.
pub(crate) const CUTS: [Cut; 10] = [
    Cut { names: Names::None, bytes: Bytes::None },
    Cut { names: Names::All, bytes: Bytes::None },
    WRITTEN_THROUGH,
    Cut { names: Names::All, bytes: Bytes::EverySecond },
    Cut { names: Names::All, bytes: Bytes::Torn(512) },
    Cut { names: Names::All, bytes: Bytes::Torn(4096) },
    Cut { names: Names::None, bytes: Bytes::All },
    Cut { names: Names::All, bytes: Bytes::Zeros },
    Cut { names: Names::EverySecond, bytes: Bytes::All },
    Cut { names: Names::FirstHalf, bytes: Bytes::EverySecond },
];

/// A folder, as it is and as it durably is.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    namings: Vec<Naming>,
}

impl Disk {
    /// Reads a folder; all that is in it is durable.
    pub(crate) fn read(root: &Path) -> Self {
        let mut disk = Self { root: root.to_owned(), nodes: vec![folder()], namings: Vec::new() };
        disk.fill(0, root);
        disk
    }

    fn fill(&mut self, into: usize, folder_path: &Path) {
        for entry in std::fs::read_dir(folder_path).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let node = if kind.is_dir() {
                folder()
            } else if kind.is_symlink() {
                Node::Link(std::fs::read_link(&path).unwrap())
            } else {
                let mode = std::os::unix::fs::PermissionsExt::mode(
                    &entry.metadata().unwrap().permissions(),
                );
                Node::File { durable: std::fs::read(&path).unwrap(), since: Vec::new(), mode }
            };
            let id = self.add(node);
            let Node::Folder { durable, live } = &mut self.nodes[into] else { unreachable!() };
            durable.insert(entry.file_name(), id);
            live.insert(entry.file_name(), id);
            if kind.is_dir() {
                self.fill(id, &path);
            }
        }
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Tells whether a call is about this folder. SQLite's index of a log needs no durability and is left out.
    pub(crate) fn is_about(&self, made: &Made) -> bool {
        let ours =
            |path: &Path| path.starts_with(&self.root) && !path.to_string_lossy().ends_with("-shm");
        match &made.call {
            Call::Open { path, .. }
            | Call::Write { path, .. }
            | Call::Resize { path, .. }
            | Call::Sync { path }
            | Call::Remove { path }
            | Call::Folder { path }
            | Call::Link { path, .. } => ours(path),
            Call::Rename { from, to } => ours(from) || ours(to),
        }
    }

    /// Does what was asked for. What another program does is durable at once: it is not ours to answer for.
    pub(crate) fn apply(&mut self, made: &Made) {
        let touched = match &made.call {
            Call::Open { path, create, empty } => {
                let found = self.find(path);
                if found.is_none() && *create {
                    let node = Node::File { durable: Vec::new(), since: Vec::new(), mode: 0o600 };
                    let id = self.add(node);
                    self.name(vec![(path, Some(id))]);
                } else if let Some(id) = found.filter(|_| *empty) {
                    self.change(id, Change::Resize(0));
                }
                path
            }
            Call::Write { path, at, bytes } => {
                let id = self.known(path);
                self.change(id, Change::Write(*at, bytes.clone()));
                path
            }
            Call::Resize { path, length } => {
                let id = self.known(path);
                self.change(id, Change::Resize(*length));
                path
            }
            Call::Sync { path } => {
                let id = self.known(path);
                self.sync(id);
                path
            }
            Call::Rename { from, to } => {
                let id = self.known(from);
                self.name(vec![(from, None), (to, Some(id))]);
                to
            }
            Call::Remove { path } => {
                self.name(vec![(path, None)]);
                path
            }
            Call::Folder { path } => {
                let id = self.add(folder());
                self.name(vec![(path, Some(id))]);
                path
            }
            Call::Link { path, to } => {
                let id = self.add(Node::Link(to.clone()));
                self.name(vec![(path, Some(id))]);
                path
            }
        };
        if !made.ours {
            if let Some(id) = self.find(touched) {
                self.sync(id);
            }
            let above = self.known(touched.parent().unwrap());
            self.sync(above);
        }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut id = 0;
        for part in path.strip_prefix(&self.root).ok()?.components() {
            let Component::Normal(name) = part else { panic!("{}", path.display()) };
            let Node::Folder { live, .. } = &self.nodes[id] else { return None };
            id = *live.get(name)?;
        }
        Some(id)
    }

    fn known(&self, path: &Path) -> usize {
        self.find(path).unwrap_or_else(|| panic!("{} is not known", path.display()))
    }

    fn change(&mut self, id: usize, change: Change) {
        let Node::File { since, .. } = &mut self.nodes[id] else { panic!("{id} is no file") };
        since.push(change);
    }

    fn name(&mut self, names: Vec<(&PathBuf, Option<usize>)>) {
        let naming: Naming = names
            .into_iter()
            .map(|(path, id)| {
                let above = self.known(path.parent().unwrap());
                (above, path.file_name().unwrap().to_owned(), id)
            })
            .collect();
        for (above, name, id) in &naming {
            let Node::Folder { live, .. } = &mut self.nodes[*above] else { unreachable!() };
            set(live, name, *id);
        }
        self.namings.push(naming);
    }

    fn sync(&mut self, id: usize) {
        if let Node::File { durable, since, .. } = &mut self.nodes[id] {
            *durable = changed(durable, since, Bytes::All);
            since.clear();
            return;
        }
        let (now, later): (Vec<Naming>, Vec<Naming>) =
            self.namings.drain(..).partition(|naming| naming.iter().any(|one| one.0 == id));
        self.namings = later;
        for (above, name, id) in now.into_iter().flatten() {
            let Node::Folder { durable, .. } = &mut self.nodes[above] else { unreachable!() };
            set(durable, &name, id);
        }
    }

    /// Returns what a cut leaves, by path from the folder. Below `through`, everything was written through.
    pub(crate) fn image(&self, cut: Cut, through: impl Fn(&Path) -> bool) -> Image {
        let mut folders: BTreeMap<usize, BTreeMap<OsString, usize>> = BTreeMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if let Node::Folder { durable, .. } = node {
                folders.insert(id, durable.clone());
            }
        }
        let count = self.namings.len();
        for (at, naming) in self.namings.iter().enumerate() {
            let is_there = match cut.names {
                Names::None => false,
                Names::FirstHalf => at < count.div_ceil(2),
                Names::EverySecond => at % 2 == 0,
                Names::All => true,
            };
            if is_there {
                for (above, name, id) in naming {
                    set(folders.get_mut(above).unwrap(), name, *id);
                }
            }
        }
        let mut image = Image::default();
        self.render(0, &PathBuf::new(), cut, &folders, &through, &mut image);
        image
    }

    fn render(
        &self,
        id: usize,
        path: &Path,
        cut: Cut,
        folders: &BTreeMap<usize, BTreeMap<OsString, usize>>,
        through: &impl Fn(&Path) -> bool,
        image: &mut Image,
    ) {
        match &self.nodes[id] {
            Node::Folder { live, .. } => {
                image.folders.push(path.to_owned());
                let mut entries = folders[&id].clone();
                // Each name decides for itself, for the folder may hold both.
                entries.retain(|name, _| !through(&path.join(name)));
                let written = live.iter().filter(|(name, _)| through(&path.join(name)));
                entries.extend(written.map(|(name, id)| (name.clone(), *id)));
                for (name, id) in entries {
                    self.render(id, &path.join(name), cut, folders, through, image);
                }
            }
            Node::File { durable, since, mode } => {
                let bytes = if through(path) { Bytes::All } else { cut.bytes };
                image.files.insert(path.to_owned(), (changed(durable, since, bytes), *mode));
            }
            Node::Link(to) => {
                image.links.insert(path.to_owned(), to.clone());
            }
        }
    }

    /// Tells whether everything is durable.
    pub(crate) fn is_durable(&self) -> bool {
        let is_durable = |node: &Node| match node {
            Node::File { since, .. } => since.is_empty(),
            Node::Folder { .. } | Node::Link(_) => true,
        };
        self.namings.is_empty() && self.nodes.iter().all(is_durable)
    }

    /// Returns a file's bytes as a reader sees them before the power is cut.
    pub(crate) fn seen(&self, path: &Path) -> Option<Vec<u8>> {
        match &self.nodes[self.find(path)?] {
            Node::File { durable, since, .. } => Some(changed(durable, since, Bytes::All)),
            Node::Folder { .. } | Node::Link(_) => None,
        }
    }
}

fn folder() -> Node {
    Node::Folder { durable: BTreeMap::new(), live: BTreeMap::new() }
}

fn set(names: &mut BTreeMap<OsString, usize>, name: &OsString, id: Option<usize>) {
    match id {
        Some(id) => names.insert(name.clone(), id),
        None => names.remove(name),
    };
}

/// Returns a file's bytes after those of its changes that a cut leaves.
fn changed(durable: &[u8], since: &[Change], cut: Bytes) -> Vec<u8> {
    let mut bytes = durable.to_vec();
    let whole = if cut == Bytes::Zeros { changed(durable, since, Bytes::All).len() } else { 0 };
    let last = since.len().wrapping_sub(1);
    for (at, change) in since.iter().enumerate() {
        let keep = match cut {
            Bytes::None | Bytes::Zeros => 0,
            Bytes::EverySecond if at % 2 == 1 => 0,
            Bytes::Torn(unit) if at == last => length(change) / 2 / unit * unit,
            Bytes::EverySecond | Bytes::Torn(_) | Bytes::All => length(change),
        };
        let none =
            matches!(cut, Bytes::None | Bytes::Zeros) || (cut == Bytes::EverySecond && at % 2 == 1);
        match change {
            Change::Write(place, new) if keep > 0 => {
                let place = place.map_or(bytes.len(), |place| place as usize);
                bytes.resize(bytes.len().max(place + keep), 0);
                bytes[place..place + keep].copy_from_slice(&new[..keep]);
            }
            Change::Resize(length) if !none => bytes.resize(*length as usize, 0),
            Change::Write(..) | Change::Resize(_) => {}
        }
    }
    bytes.resize(bytes.len().max(whole), 0);
    bytes
}

fn length(change: &Change) -> usize {
    match change {
        Change::Write(_, bytes) => bytes.len(),
        Change::Resize(_) => 0,
    }
}

/// What is on a disk: folders, files with their permissions, links.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Image {
    folders: Vec<PathBuf>,
    files: BTreeMap<PathBuf, (Vec<u8>, u32)>,
    links: BTreeMap<PathBuf, PathBuf>,
}

impl Image {
    /// Returns a file's bytes.
    pub(crate) fn file(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(path).map(|(bytes, _)| bytes.as_slice())
    }

    /// Returns the files and links that are not the same in both. SQLite's index of a log does not count.
    pub(crate) fn differences(&self, other: &Self) -> Vec<PathBuf> {
        let paths = |image: &Self| {
            let all = image.files.keys().chain(image.links.keys()).cloned();
            all.filter(|path| !path.to_string_lossy().ends_with("-shm")).collect::<Vec<_>>()
        };
        let mut all = paths(self);
        all.extend(paths(other));
        all.retain(|path| {
            self.file(path) != other.file(path) || self.links.get(path) != other.links.get(path)
        });
        all.dedup();
        all
    }

    /// Puts it into a folder, instead of all that is there.
    pub(crate) fn write(&self, root: &Path) {
        for entry in std::fs::read_dir(root).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                std::fs::remove_dir_all(entry.path()).unwrap();
            } else {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        for folder in &self.folders {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (path, (bytes, mode)) in &self.files {
            let path = root.join(path);
            std::fs::write(&path, bytes).unwrap();
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(*mode);
            std::fs::set_permissions(&path, permissions).unwrap();
        }
        for (path, to) in &self.links {
            std::os::unix::fs::symlink(to, root.join(path)).unwrap();
        }
    }
}

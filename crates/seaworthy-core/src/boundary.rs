//! Durable boundaries: the moments just before and just after something is written for good.
//!
//! A process may die at each of them, and what it leaves must be understood by the next one. So whoever writes says when
//! he passes one, and a watcher may be told: the tests' watcher ends the process there (see `faults.rs` of the command
//! line). A release build has no watcher and no boundaries: nothing is named, nobody is asked.

use std::sync::OnceLock;

/// Who is told which boundary is passed.
pub type Watcher = fn(&str);

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// Has each boundary told to a watcher from now on. The first watcher stays; a release build has none.
pub fn watch(watcher: Watcher) {
    if cfg!(debug_assertions) {
        // A second watcher would see only a part of the boundaries.
        let _first_stays = WATCHER.set(watcher);
    }
}

/// Says that a boundary is passed. Its name is made only if somebody watches; no secret and no content belongs in it.
pub fn pass(name: impl FnOnce() -> String) {
    if cfg!(debug_assertions)
        && let Some(watcher) = WATCHER.get()
    {
        watcher(&name());
    }
}

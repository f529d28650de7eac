//! Everything that reaches outside: systems, checks, notifications, secrets, child processes.
//!
//! A system is one folder under `systems/`, a kind of check one file under `checks/`, a channel one file under `notify/`.

pub mod checks;
pub mod disk;
pub mod http;
pub mod notify;
pub mod process;
pub mod secrets;
pub mod systems;

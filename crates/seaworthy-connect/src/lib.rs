//! Everything that reaches outside: systems, checks, notifications, secrets, child processes.
//!
//! A system is one folder under `systems/`, a kind of check one file under `checks/`, a channel one file under `notify/`.

pub mod checks;
pub mod clock;
pub mod disk;
pub mod entropy;
pub mod http;
pub mod notify;
pub mod process;
pub mod secrets;
#[cfg(test)]
mod server_for_tests;
pub mod systems;

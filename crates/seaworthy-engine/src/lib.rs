//! The verbs of the runbook, one a file, and the executor that carries a plan out.
//!
//! Nothing in here knows a database, a socket or a clock: all of it comes through the ports of `seaworthy_core`, so the
//! very code that ships to production runs in a simulated world in tests.
//!
//! A plan is made by [`verbs::plan`]; [`admit`] is the only way into the [`executor`]; the executor asks
//! [`seaworthy_core::run::decide`] what comes next, does it, writes down what came of it, and asks again.

mod address;
pub mod admit;
mod brakes;
mod dependencies;
pub mod dossier;
pub mod ending;
pub mod event;
pub mod executor;
pub mod failure;
mod gates;
mod hands;
mod keep;
mod line;
pub mod office;
mod patience;
mod rehearsal;
pub mod stop;
mod twin;
mod undo;
pub mod verbs;
mod view;
pub mod whose;
mod woken;

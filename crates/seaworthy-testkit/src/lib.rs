//! For tests: conformance suites, stand-ins for vendors, launchers of real servers.

pub mod conformance;
#[cfg(feature = "discord")]
pub mod discord;
#[cfg(any(feature = "discord", feature = "n8n"))]
mod doors;
pub mod faults;
pub mod index;
pub mod memory;
#[cfg(feature = "n8n")]
pub mod n8n;
pub mod power;
pub mod world;

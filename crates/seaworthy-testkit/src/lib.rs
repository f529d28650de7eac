//! For tests: conformance suites, stand-ins for vendors, launchers of real servers.

pub mod conformance;
pub mod discord;
pub mod faults;
pub mod memory;
pub mod power;
pub mod world;

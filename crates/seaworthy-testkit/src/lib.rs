//! For tests: conformance suites, stand-ins for vendors, launchers of real servers.

pub mod discord;

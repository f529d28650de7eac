//! The systems, one folder or file each.

pub mod broken;
mod common;
pub mod env;
pub mod files;
pub mod git;
pub mod manual;
pub mod n8n;
pub mod papers;
pub mod shell;
pub mod site;
pub mod sql;
mod study;

//! The verbs, one a file.

pub mod changes;
pub mod plan;
pub mod rehearse;
pub mod restore;
pub mod resume;
pub mod roll_back;
pub mod settle;
pub mod ship;
pub mod tell;
pub mod verify;

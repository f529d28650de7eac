//! The verbs, one a file.

pub mod adapt;
pub mod capture;
pub mod changes;
pub mod exports;
pub mod graph;
pub mod index;
pub mod lessons;
pub mod plan;
pub mod rehearse;
pub mod restore;
pub mod restore_many;
pub mod resume;
pub mod review;
pub mod roll_back;
pub mod sets;
pub mod settle;
pub mod ship;
pub mod tell;
pub mod verify;

//! The channels of notifications, one kind a file.

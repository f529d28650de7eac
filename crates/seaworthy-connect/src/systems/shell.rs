//! System of kind `shell`.

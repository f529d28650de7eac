//! System of kind `sql`.

//! System of kind `site`.

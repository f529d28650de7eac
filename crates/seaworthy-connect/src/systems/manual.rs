//! System of kind `manual`.

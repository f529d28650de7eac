//! The words of the product and the rules between them. No IO, no clock, no randomness.

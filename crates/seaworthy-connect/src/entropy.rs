//! Real randomness, from the operating system.

use seaworthy_core::ports::Entropy;

/// The operating system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineEntropy;

impl Entropy for MachineEntropy {
    /// Returns 16 random bytes.
    ///
    /// # Panics
    ///
    /// The operating system has no randomness to give. Going on with bytes that others can guess would be worse.
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        if let Err(cause) = getrandom::fill(&mut bytes) {
            panic!("the operating system gives no random bytes: {cause}");
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_the_same() {
        let drawn: std::collections::BTreeSet<_> =
            (0..64).map(|_| MachineEntropy.bytes()).collect();
        assert_eq!(drawn.len(), 64);
    }
}

//! Which machine this is.

use seaworthy_core::ports::Host;

/// Returns this machine: its name, and its kernel's present boot where that can be asked.
pub(crate) fn this() -> Host {
    let name = rustix::system::uname().nodename().to_string_lossy().trim().to_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Host { name, boot: boot.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_name_and_sees_its_own_locks() {
        let here = this();
        assert!(!here.name.is_empty());
        assert!(here.shares_locks_with(&this()));
        let nobody = Host::default();
        assert!(!nobody.shares_locks_with(&here) && !nobody.shares_locks_with(&nobody));
    }
}

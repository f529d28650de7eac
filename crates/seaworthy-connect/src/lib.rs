//! Systems, checks, notifications, secrets and child processes. The only network client.

//! The verbs of the runbook and the executor. Never a database, never the network.

-- The index: what was found out about documents. It is kept in a file of its own, beside the store: all of it can be
-- found out again, so it may be thrown away, it need not survive the machine's power, and nobody who opens the store waits
-- for it. No secret that is known is in it: facts pass the redactor first.

-- What was last seen of each system.
CREATE TABLE shelf (
    system    TEXT PRIMARY KEY,         -- the system's name in `seaworthy.toml`; `.` for our own files
    state     BLOB,                     -- SHA-256 of all that was listed, 32 bytes; null if something is to be tried again
    at        TEXT NOT NULL,            -- when the system was looked at, RFC 3339
    documents INTEGER NOT NULL,         -- how many documents hold what is looked for
    other     INTEGER NOT NULL,         -- how many hold nothing of it
    broken    TEXT NOT NULL,            -- those that could not be read as what they are: a JSON list of refgraph::Missing
    kind      TEXT NOT NULL,            -- the word of `kind = …` of the system
    owner     BLOB NOT NULL,            -- index::owner, whose shelf it is: SHA-256 of the system's kind and identity, 32 bytes
    secrets   TEXT,                     -- keyed fingerprint of the secrets that were known, 64 hex digits; null if none was
    list      BLOB NOT NULL             -- index::Shelved, one after the other, with a checksum: see `list.rs`
) STRICT;

-- What each document defines and uses.
CREATE TABLE facts (
    id   INTEGER PRIMARY KEY,           -- the order in which they were kept
    name BLOB NOT NULL UNIQUE,          -- index::facts_name, 32 bytes
    body BLOB NOT NULL                  -- refs::Facts as JSON, compressed by zstd: see `body.rs`
) STRICT;

PRAGMA application_id = 1398232152;     -- "SWTX"
PRAGMA user_version = 2;                -- this form; one of another form is thrown away

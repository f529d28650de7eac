-- The first form of the store. No table holds a secret or the content of a document: those lie encrypted in the vault,
-- and tables name them by digest. Columns called `doc` hold one JSON value of a type in `seaworthy-core`.

-- Every change that was ever seen, in the order in which it was first seen.
CREATE TABLE change (
    seq INTEGER PRIMARY KEY,            -- the order
    id  TEXT NOT NULL UNIQUE,           -- the id in its file, which stays when its folder is renamed
    doc TEXT NOT NULL                   -- change::Change
) STRICT;

-- The summaries of plans. Planning an unchanged world again gives the same digest; it is then the newest again.
CREATE TABLE plan (
    seq    INTEGER PRIMARY KEY,         -- the order in which they were last made
    digest TEXT NOT NULL,               -- the plan's digest, in hex
    change TEXT NOT NULL,               -- the change's folder
    doc    TEXT NOT NULL,               -- plan::Summary
    UNIQUE (change, digest)
) STRICT;
CREATE INDEX plan_digest ON plan (digest);

-- Runs.
CREATE TABLE run (
    id    INTEGER PRIMARY KEY,          -- its number: 118 is `run-118`; never given twice
    token INTEGER NOT NULL,             -- the newest fencing token; who writes with an older one was taken over
    doc   TEXT NOT NULL                 -- run::Run
) STRICT;

-- The journals of runs: before and after every effect. All runs append at one end of the table: fifty that write at once
-- touch a page or two, and not one page each, which a durable commit would have to wait for.
CREATE TABLE journal (
    id     INTEGER PRIMARY KEY,         -- the order in which records were written, over all runs
    run    INTEGER NOT NULL REFERENCES run (id), -- whose record it is
    seq    INTEGER NOT NULL,            -- its place in the run's journal, from 1 without gaps
    at     TEXT NOT NULL,               -- when it was written, RFC 3339
    record TEXT NOT NULL                -- run::Record
) STRICT;
CREATE INDEX journal_run ON journal (run);

-- The places that runs hold.
CREATE TABLE lease (
    run   INTEGER NOT NULL REFERENCES run (id), -- who holds it
    place TEXT NOT NULL,                -- a canonical path or URL, and parts of it behind `#`
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;

-- The deployment queue: what waits, and what was done.
CREATE TABLE queue (
    seq      INTEGER PRIMARY KEY,       -- for what is done: the order in which it was
    change   TEXT NOT NULL,             -- the change's folder
    since    TEXT NOT NULL,             -- when it was put there, RFC 3339
    position INTEGER,                   -- its place among what waits, from 1 without gaps; null when done
    doc      TEXT NOT NULL,             -- queue::Item
    UNIQUE (change, since)
) STRICT;

-- The catalogue of backups; their bytes are in the vault.
CREATE TABLE backup (
    id  INTEGER PRIMARY KEY,            -- its number: 42 is `bk-42`
    doc TEXT NOT NULL                   -- backup::Backup
) STRICT;

-- The catalogue of evidence; its bytes are in the vault.
CREATE TABLE evidence (
    id  INTEGER PRIMARY KEY,            -- its number: 9 is `ev-9`
    run INTEGER,                        -- the run that it belongs to, if any
    doc TEXT NOT NULL                   -- evidence::Evidence
) STRICT;
CREATE INDEX evidence_run ON evidence (run);

-- What we last left in, or first saw of, each resource: drift is what differs from it.
CREATE TABLE known (
    resource TEXT PRIMARY KEY,          -- the address
    system   TEXT NOT NULL,             -- its first part
    digest   TEXT,                      -- SHA-256 of its document, in hex; null if it was not there
    at       TEXT NOT NULL              -- when, RFC 3339
) STRICT, WITHOUT ROWID;
CREATE INDEX known_system ON known (system);

-- Notices on their way, one row a channel. Written in the transaction of what they tell.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,     -- the letter's number
    channel    TEXT NOT NULL,           -- the channel's name in `seaworthy.toml`
    notice     TEXT NOT NULL,           -- notice::Notice
    checkpoint TEXT NOT NULL,           -- the ledger's signed checkpoint of that transaction; empty if it had no entry yet
    tries      INTEGER NOT NULL,        -- how often it was tried
    not_before TEXT NOT NULL,           -- not to be tried before, RFC 3339; the end of time if it was refused for good
    delivered  TEXT,                    -- when it was delivered, RFC 3339; null while it was not
    problem    TEXT                     -- what went wrong last
) STRICT;
CREATE INDEX outbox_open ON outbox (id) WHERE delivered IS NULL;

-- The ledger. Its tables hold nothing that could be derived, so that there is nothing that the verifier does not see.
CREATE TABLE entry (
    idx   INTEGER PRIMARY KEY,          -- its index, from 0 without gaps
    bytes BLOB NOT NULL                 -- the canonical JSON that is hashed: entry::Entry
) STRICT;

-- The complete nodes of the tree over the entries, RFC 6962.
CREATE TABLE node (
    level INTEGER NOT NULL,             -- its height; level 0 holds the leaf hashes
    idx   INTEGER NOT NULL,             -- its place within the level, from 0
    hash  BLOB NOT NULL,                -- SHA-256, 32 bytes
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- The signed checkpoints, one for each transaction that wrote entries.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,           -- how many entries it covers
    note TEXT NOT NULL                  -- a C2SP signed note
) STRICT;

PRAGMA application_id = 1398232136;     -- "SWTH"
PRAGMA user_version = 1;                -- this form

-- Leases know their holder, and those who wait stand in line.

-- The process that carries a run out that holds places, or did last. A run that an older version began has none.
CREATE TABLE holder (
    run INTEGER PRIMARY KEY REFERENCES run (id), -- which run
    doc TEXT NOT NULL                   -- ports::Holder: who, on which machine, which process, since when
) STRICT;

-- Who waits for places, in the order in which they came. A ticket counts as long as its process lives: that holds the
-- operating system's lock on `runs/ticket-N.lock`.
CREATE TABLE ticket (
    id     INTEGER PRIMARY KEY AUTOINCREMENT, -- its number; smaller ones came first; never given twice
    change TEXT NOT NULL,               -- the folder of the change that is to be shipped
    until  TEXT NOT NULL,               -- until when they wait, RFC 3339; then the ticket counts no more
    doc    TEXT NOT NULL                -- ports::Holder: who waits, on which machine, which process, since when
) STRICT;

-- The places that are waited for.
CREATE TABLE ticket_place (
    ticket INTEGER NOT NULL REFERENCES ticket (id), -- who waits
    place  TEXT NOT NULL,               -- as in `lease`
    PRIMARY KEY (ticket, place)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;                -- this form

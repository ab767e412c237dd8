-- The ledger of a workspace: one SQLite file, ledger.db. Rows are added, never changed, but for the states of what is
-- on its way out (message, written), and but for erasure. Instants are ISO 8601 in UTC; days of scores are instants too.

-- the runs that were made, and the scores in them, in one transaction
CREATE TABLE IF NOT EXISTS run (
    run_id        TEXT PRIMARY KEY,
    as_of         TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('served', 'rescored')), -- rescored: for a day older than what was served
    model_version TEXT NOT NULL,
    model_sha256  TEXT NOT NULL,
    input_sha256  TEXT NOT NULL,
    config_sha256 TEXT NOT NULL,
    feedback_sha256 TEXT NOT NULL, -- of the overrides and snoozes in force; empty: none
    scores_sha256 TEXT NOT NULL, -- of scores.parquet, which holds every column
    recorded_at   TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS score (
    run_id     TEXT NOT NULL REFERENCES run,
    account_id TEXT NOT NULL,
    status     TEXT NOT NULL,
    health     REAL,
    band       TEXT NOT NULL,
    arr        REAL,
    PRIMARY KEY (run_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS chance (
    run_id      TEXT NOT NULL REFERENCES run,
    account_id  TEXT NOT NULL,
    horizon     INTEGER NOT NULL,
    probability REAL NOT NULL,
    PRIMARY KEY (run_id, account_id, horizon)
) STRICT, WITHOUT ROWID;

-- when a run became current: on being entered, and again where one that was there is served anew, as after a rollback.
-- Of several runs of a day the one that became current last counts; a run from before this table has no row
CREATE TABLE IF NOT EXISTS serving (
    number      INTEGER PRIMARY KEY, -- 1, 2, ...
    run_id      TEXT NOT NULL REFERENCES run,
    recorded_at TEXT NOT NULL
) STRICT;

-- the readings of outcomes, each as known on a day. What happened and was known by `through` has been read, and should
-- not read otherwise later: ground_sha256 is the hash of it, rule_sha256 that of what counts as churn
CREATE TABLE IF NOT EXISTS reading (
    number        INTEGER PRIMARY KEY, -- 1, 2, ...
    known_on      TEXT NOT NULL,
    through       TEXT NOT NULL,
    rule_sha256   TEXT NOT NULL,
    ground_sha256 TEXT NOT NULL,
    recorded_at   TEXT NOT NULL
) STRICT;

-- how it ended, for every account with a chance; a cell without a row is open, a later row of the same cell reopens it
CREATE TABLE IF NOT EXISTS outcome (
    as_of      TEXT NOT NULL,
    account_id TEXT NOT NULL,
    horizon    INTEGER NOT NULL,
    reading    INTEGER NOT NULL REFERENCES reading,
    state      TEXT NOT NULL CHECK (state IN ('open', 'final', 'censored')),
    churned    INTEGER, -- 1 or 0 where it is final
    PRIMARY KEY (as_of, account_id, horizon, reading)
) STRICT, WITHOUT ROWID;

-- the horizons of runs that were read whole, or, when churn came to mean something else, are open again; the last counts
CREATE TABLE IF NOT EXISTS matured (
    run_id  TEXT NOT NULL REFERENCES run,
    horizon INTEGER NOT NULL,
    reading INTEGER NOT NULL REFERENCES reading,
    settled INTEGER NOT NULL,
    PRIMARY KEY (run_id, horizon, reading)
) STRICT, WITHOUT ROWID;

-- what people say: overrides of a score, snoozes, outcomes, reasons that are wrong; the last word of a kind counts
CREATE TABLE IF NOT EXISTS feedback (
    id          TEXT PRIMARY KEY, -- hash of what is said: said twice, kept once
    account_id  TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('override', 'snooze', 'outcome', 'wrong_reason', 'note')),
    run_id      TEXT NOT NULL, -- of the file it was written into
    value       TEXT NOT NULL, -- the score, the outcome, the sign behind the reason, the note; empty for a snooze
    reason      TEXT NOT NULL, -- of an override
    author      TEXT NOT NULL,
    said_on     TEXT NOT NULL, -- the day of the scores that were served then: it counts from that day on
    expires     TEXT,          -- it counts before that instant; empty: for good
    recorded_at TEXT NOT NULL
) STRICT;

-- what was done: whom we chose to call or to leave alone, with which chance, why; and what was done in the end
CREATE TABLE IF NOT EXISTS intervention (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    at          TEXT NOT NULL,
    arm         TEXT NOT NULL CHECK (arm IN ('called', 'held_out', 'done')),
    playbook_id TEXT NOT NULL,
    author      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    propensity  REAL,
    run_id      TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT;

-- alerts: what opens an episode and what closes it, numbered as they were written; no account: it concerns all
CREATE TABLE IF NOT EXISTS alert (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  TEXT NOT NULL,
    rule        TEXT NOT NULL,
    as_of       TEXT NOT NULL,
    event       TEXT NOT NULL CHECK (event IN ('opened', 'closed')),
    run_id      TEXT NOT NULL,
    text        TEXT NOT NULL, -- the sentence, which names nobody
    recorded_at TEXT NOT NULL,
    UNIQUE (account_id, rule, as_of, event)
) STRICT;

-- what is on its way to people, by its idempotency key
CREATE TABLE IF NOT EXISTS message (
    key         TEXT PRIMARY KEY,
    channel     TEXT NOT NULL, -- the reference to its address, which is a secret
    through     INTEGER NOT NULL, -- the last alert it covers, by number
    body        TEXT NOT NULL, -- JSON with names of accounts and people; emptied once it is sent
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts    INTEGER NOT NULL,
    next_at     TEXT NOT NULL,
    error       TEXT NOT NULL,
    recorded_at TEXT NOT NULL
) STRICT;

-- what other systems hold of ours
CREATE TABLE IF NOT EXISTS written (
    sink          TEXT NOT NULL,
    account_id    TEXT NOT NULL,
    as_of         TEXT NOT NULL,
    values_sha256 TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('confirmed', 'sent', 'failed')),
    error         TEXT NOT NULL,
    recorded_at   TEXT NOT NULL,
    PRIMARY KEY (sink, account_id)
) STRICT, WITHOUT ROWID;

-- which model came into service, and why; nothing in it is changed or taken away
CREATE TABLE IF NOT EXISTS promotion (
    number        INTEGER PRIMARY KEY, -- 1, 2, ...: compare-and-set
    action        TEXT NOT NULL CHECK (action IN ('promote', 'rollback')),
    model_version TEXT NOT NULL,
    model_sha256  TEXT NOT NULL,
    replaces      TEXT NOT NULL, -- the version that was in service; empty when none was
    retrain       TEXT NOT NULL, -- the retraining that decided it; empty when a person did
    reason        TEXT NOT NULL,
    recorded_at   TEXT NOT NULL
) STRICT;

CREATE TRIGGER IF NOT EXISTS promotion_stays BEFORE UPDATE ON promotion
BEGIN SELECT RAISE(ABORT, 'promotions are added, never changed'); END;

CREATE TRIGGER IF NOT EXISTS promotion_is_kept BEFORE DELETE ON promotion
BEGIN SELECT RAISE(ABORT, 'promotions are added, never taken away'); END;

-- who was erased: a keyed hash, so that nobody comes back and nobody is named
CREATE TABLE IF NOT EXISTS erased (
    kind        TEXT NOT NULL CHECK (kind IN ('account', 'person')),
    digest      TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (kind, digest)
) STRICT;

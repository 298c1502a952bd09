-- The record's tables. Truth: event, item, outcome; nothing ever changes or removes their rows, and a
-- format number per row says how it is read. Kept beside them: node and checkpoint (the Merkle log),
-- command_log, held. Everything else is a projection: event_apply alone writes it, and
-- `store rebuild` makes it anew from the truth. Projections of the domain: schema_steps.sql.

-- seq is dense from 1. body: canonical JSON as stored for ever; leaf: SHA-256(0x00 || body).
CREATE TABLE IF NOT EXISTS event(
  seq INTEGER PRIMARY KEY,
  fmt INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  body BLOB NOT NULL,
  leaf BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_kind ON event(kind, seq);

-- id = segment << 32 | seq. NULL: not measured. Meaning of the columns and their leaf: item.h.
CREATE TABLE IF NOT EXISTS item(
  id INTEGER PRIMARY KEY,
  fmt INTEGER NOT NULL,
  net_mg INTEGER,
  dia_um INTEGER,
  mid_um INTEGER,
  len_um INTEGER,
  bow_ppm INTEGER,
  defects INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  grade INTEGER NOT NULL,
  outlet INTEGER NOT NULL,
  why INTEGER NOT NULL,
  outlet_why INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  recovered INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

-- id = first segment of the epoch << 32 | index of the outcome; seq: the item.
CREATE TABLE IF NOT EXISTS outcome(
  id INTEGER PRIMARY KEY,
  fmt INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  outlet INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER IF NOT EXISTS event_kept BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_stays BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS item_kept BEFORE UPDATE ON item
BEGIN SELECT RAISE(ABORT, 'items are append-only'); END;
CREATE TRIGGER IF NOT EXISTS item_stays BEFORE DELETE ON item
BEGIN SELECT RAISE(ABORT, 'items are append-only'); END;
CREATE TRIGGER IF NOT EXISTS outcome_kept BEFORE UPDATE ON outcome
BEGIN SELECT RAISE(ABORT, 'outcomes are append-only'); END;
CREATE TRIGGER IF NOT EXISTS outcome_stays BEFORE DELETE ON outcome
BEGIN SELECT RAISE(ABORT, 'outcomes are append-only'); END;
-- INSERT OR REPLACE asks the triggers above too: the writer sets recursive_triggers (db_open.c).

-- Complete subtrees of the log from level 1 up; level 0 is event.leaf (leaf index = seq - 1).
CREATE TABLE IF NOT EXISTS node(
  level INTEGER NOT NULL,
  idx INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY(level, idx)
) STRICT, WITHOUT ROWID;

-- One per transaction that brought events; note: C2SP checkpoint, signed; at_ms: of its newest event.
CREATE TABLE IF NOT EXISTS checkpoint(
  size INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  root BLOB NOT NULL,
  note TEXT NOT NULL
) STRICT;

-- The first answer to each request, refusals included. event_seq: newest event when it was answered.
CREATE TABLE IF NOT EXISTS command_log(
  request_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  actor TEXT NOT NULL,
  code TEXT NOT NULL,
  answer TEXT NOT NULL,
  event_seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Words of the newest items of a line, for rule 3 of the mailbox; layout: held.c.
CREATE TABLE IF NOT EXISTS held(
  id INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  have INTEGER NOT NULL,
  words BLOB NOT NULL
) STRICT;

-- ---- projections ----

-- store_id, site, public_key (base64), generation (event that created or restored the store).
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE buyer(
  id TEXT PRIMARY KEY,
  epoch INTEGER NOT NULL,
  n INTEGER NOT NULL,
  event_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stream(
  buyer TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  n INTEGER NOT NULL,
  event_seq INTEGER NOT NULL,
  PRIMARY KEY(buyer, epoch, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE line(
  no INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  details TEXT NOT NULL,
  event_seq INTEGER NOT NULL
) STRICT;

-- since: event that made it the line's newest epoch. own: proposed here, not found at the PLC.
CREATE TABLE line_epoch(
  line INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  nonce INTEGER NOT NULL,
  boot_nonce INTEGER NOT NULL,
  shown INTEGER NOT NULL,
  own INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY(line, epoch)
) STRICT, WITHOUT ROWID;

-- A stretch of one line and epoch under one run, from first_seq on. item_to, outcome_to: blocked so far.
CREATE TABLE segment(
  id INTEGER PRIMARY KEY,
  line INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  run INTEGER NOT NULL,
  rule INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  item_to INTEGER NOT NULL,
  outcome_to INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  event_seq INTEGER NOT NULL
) STRICT;
CREATE INDEX segment_line ON segment(line, epoch, id);
CREATE INDEX segment_run ON segment(run, id);

-- first = last = 0: the PLC gave no bounds. kind: 'items' or 'outcomes'.
CREATE TABLE gap(
  event_seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  line INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  count INTEGER NOT NULL,
  cause TEXT NOT NULL
) STRICT;
CREATE INDEX gap_line ON gap(line, epoch, kind, last);

-- Rows of one segment that an item.block event proves; an item or outcome stands in exactly one block.
CREATE TABLE block(
  event_seq INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  first_item INTEGER NOT NULL,
  last_item INTEGER NOT NULL,
  items INTEGER NOT NULL,
  first_outcome INTEGER NOT NULL,
  last_outcome INTEGER NOT NULL,
  outcomes INTEGER NOT NULL,
  root BLOB NOT NULL
) STRICT;
CREATE INDEX block_segment ON block(segment, first_item);

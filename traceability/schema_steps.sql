-- Projections of the domain: who, what, lots and their masses, runs, boxes, tasks, holds. The apply
-- functions of the steps alone write them, from the stored bytes of events; a rebuild makes them anew.
-- Mass in mg. Nothing here names a person: farmer and worker are pseudonyms (people.db knows them).

CREATE TABLE coop(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  uscc TEXT,
  contact TEXT NOT NULL,
  township_zh TEXT NOT NULL,
  township_en TEXT NOT NULL,
  offset_min INTEGER NOT NULL
) STRICT;

CREATE TABLE party(
  pid TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  township_zh TEXT,
  township_en TEXT,
  plot TEXT,
  event_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE product(
  product TEXT PRIMARY KEY,
  crop TEXT NOT NULL,
  gtin TEXT,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The scale as it is configured now; its history stands in the events.
CREATE TABLE scale(
  scale TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  class TEXT NOT NULL,
  serial TEXT NOT NULL,
  certificate TEXT NOT NULL,
  valid_until_ms INTEGER NOT NULL,
  max_mg INTEGER NOT NULL,
  min_mg INTEGER NOT NULL,
  e_mg INTEGER NOT NULL,
  d_mg INTEGER NOT NULL,
  event_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- day: yymmdd at the place; the newest check of a day counts.
CREATE TABLE scale_check(
  event_seq INTEGER PRIMARY KEY,
  scale TEXT NOT NULL,
  day TEXT NOT NULL,
  ok INTEGER NOT NULL
) STRICT;
CREATE INDEX scale_check_day ON scale_check(scale, day, event_seq);

CREATE TABLE rule(
  rule INTEGER PRIMARY KEY,
  crop TEXT NOT NULL,
  ruleset TEXT NOT NULL,
  version INTEGER NOT NULL,
  sha256 TEXT NOT NULL UNIQUE,
  basis TEXT NOT NULL,
  event_seq INTEGER NOT NULL
) STRICT;

CREATE TABLE rule_grade(
  rule INTEGER NOT NULL,
  grade INTEGER NOT NULL,
  code TEXT NOT NULL,
  name_zh TEXT NOT NULL,
  name_en TEXT NOT NULL,
  PRIMARY KEY(rule, grade)
) STRICT, WITHOUT ROWID;

-- Highest number given per station and printed date.
CREATE TABLE counter(
  station TEXT NOT NULL,
  day TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY(station, day)
) STRICT, WITHOUT ROWID;

-- kind: intake, graded, rework. state: open, closed, used. unit: GRM (born on a trade scale, whole
-- grams) or MGM, for life. mg: received or produced; drawn_mg: of that, taken on; net_mg: packed, as
-- the static scale showed it. graded_seq: the newest lot.graded event.
CREATE TABLE lot(
  lot TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  product TEXT NOT NULL,
  farmer TEXT,
  deliverer TEXT,
  township_zh TEXT,
  township_en TEXT,
  plot TEXT,
  run INTEGER,
  source TEXT,
  grade INTEGER,
  grade_code TEXT,
  rule INTEGER,
  unit TEXT,
  mg INTEGER NOT NULL,
  drawn_mg INTEGER NOT NULL,
  net_mg INTEGER NOT NULL,
  pieces INTEGER,
  recalled INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL,
  opened_seq INTEGER NOT NULL,
  closed_ms INTEGER,
  graded_seq INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX lot_opened ON lot(opened_seq);
CREATE INDEX lot_farmer ON lot(farmer, opened_seq) WHERE farmer IS NOT NULL;
CREATE UNIQUE INDEX lot_source ON lot(source, grade_code, kind) WHERE source IS NOT NULL;

-- Whose goods a lot holds, in parts per million that sum to 1,000,000. alias: 1 is F1 in public.
CREATE TABLE lot_share(
  lot TEXT NOT NULL,
  alias INTEGER NOT NULL,
  farmer TEXT NOT NULL,
  ppm INTEGER NOT NULL,
  PRIMARY KEY(lot, alias)
) STRICT, WITHOUT ROWID;

-- Genealogy. via: run or task.
CREATE TABLE edge(
  src TEXT NOT NULL,
  dst TEXT NOT NULL,
  via TEXT NOT NULL,
  mg INTEGER NOT NULL,
  event_seq INTEGER NOT NULL,
  PRIMARY KEY(src, dst, via)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_back ON edge(dst, src);

-- Events that concern a lot, for its timeline and its export.
CREATE TABLE lot_event(
  lot TEXT NOT NULL,
  event_seq INTEGER NOT NULL,
  PRIMARY KEY(lot, event_seq)
) STRICT, WITHOUT ROWID;

-- run: what was weighed off a run's line; grade then says trimmings or soil.
CREATE TABLE weighing(
  weighing TEXT PRIMARY KEY,
  station TEXT NOT NULL,
  placement INTEGER NOT NULL,
  scale TEXT NOT NULL,
  purpose TEXT NOT NULL,
  lot TEXT,
  task TEXT,
  box TEXT,
  run TEXT,
  grade TEXT,
  gross_mg INTEGER NOT NULL,
  tare_mg INTEGER NOT NULL,
  net_mg INTEGER NOT NULL,
  tare_kind TEXT NOT NULL,
  alibi TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  event_seq INTEGER NOT NULL,
  voided_seq INTEGER,
  UNIQUE(station, placement)
) STRICT, WITHOUT ROWID;
CREATE INDEX weighing_lot ON weighing(lot, event_seq);
CREATE INDEX weighing_task ON weighing(task, event_seq) WHERE task IS NOT NULL;
CREATE INDEX weighing_run ON weighing(run, event_seq) WHERE run IS NOT NULL;
CREATE INDEX weighing_event ON weighing(event_seq);

-- state: starting, stopping, closed ("running" is a starting run that has a segment). out_from: the
-- line's last outcome id before the run.
CREATE TABLE run(
  run INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  line TEXT NOT NULL,
  product TEXT NOT NULL,
  rule INTEGER NOT NULL,
  state TEXT NOT NULL,
  rework TEXT NOT NULL,
  in_mg INTEGER NOT NULL,
  out_from INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  stopped_ms INTEGER,
  closed_ms INTEGER,
  unknown_mg INTEGER,
  unknown_pieces INTEGER,
  by_table INTEGER, -- pieces that the PLC's own table sorted; NULL until it is closed
  event_seq INTEGER NOT NULL,
  closed_seq INTEGER
) STRICT;
CREATE UNIQUE INDEX run_on ON run(line) WHERE state <> 'closed';

-- mg: what the lot gave, less what was weighed back to it.
CREATE TABLE run_input(
  run INTEGER NOT NULL,
  lot TEXT NOT NULL,
  mg INTEGER NOT NULL,
  PRIMARY KEY(run, lot)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_input_lot ON run_input(lot);

-- grade 0: the rework lot.
CREATE TABLE run_output(
  run INTEGER NOT NULL,
  grade INTEGER NOT NULL,
  lot TEXT NOT NULL,
  PRIMARY KEY(run, grade)
) STRICT, WITHOUT ROWID;

-- Which grade an outlet belongs to in a run; 0: to more than one. Counts where the PLC's table decides.
CREATE TABLE run_route(
  run INTEGER NOT NULL,
  outlet INTEGER NOT NULL,
  grade INTEGER NOT NULL,
  PRIMARY KEY(run, outlet)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_calibration(
  event_seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  pieces INTEGER NOT NULL,
  weighed_mg INTEGER NOT NULL,
  detail TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX run_calibration_run ON run_calibration(run, event_seq);

-- The box that stands under an outlet. out_from: last outcome id before it was opened.
CREATE TABLE box_open(
  line TEXT NOT NULL,
  outlet INTEGER NOT NULL,
  box TEXT NOT NULL,
  out_from INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL,
  PRIMARY KEY(line, outlet)
) STRICT, WITHOUT ROWID;

-- A packed box. items_mg and pieces: cross-check from its items, NULL for hand-sorted goods.
-- drawn_mg: what it takes from its lot. record, nonce, seal: the printed commitment (seal.h).
CREATE TABLE unit(
  box TEXT PRIMARY KEY,
  lot TEXT NOT NULL,
  state TEXT NOT NULL,
  net_mg INTEGER NOT NULL,
  drawn_mg INTEGER NOT NULL,
  items_mg INTEGER,
  pieces INTEGER,
  unknown INTEGER,
  packed_ms INTEGER NOT NULL,
  record TEXT NOT NULL,
  nonce TEXT NOT NULL,
  seal TEXT NOT NULL UNIQUE,
  weighing TEXT NOT NULL,
  event_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_lot ON unit(lot, event_seq);
CREATE INDEX unit_weighing ON unit(weighing);

-- Hand sorting: one crate out to one worker. state: open, closed, void. loss_mg once it is closed.
CREATE TABLE task(
  task TEXT PRIMARY KEY,
  lot TEXT NOT NULL,
  worker TEXT NOT NULL,
  state TEXT NOT NULL,
  out_mg INTEGER NOT NULL,
  drawn_mg INTEGER NOT NULL,
  loss_mg INTEGER,
  opened_ms INTEGER NOT NULL,
  closed_ms INTEGER,
  event_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX task_lot ON task(lot, event_seq);
CREATE INDEX task_worker ON task(worker, event_seq);

-- lot: the graded or rework lot it went to; NULL for trimmings and soil.
CREATE TABLE task_return(
  weighing TEXT PRIMARY KEY,
  task TEXT NOT NULL,
  grade TEXT NOT NULL,
  lot TEXT,
  mg INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX task_return_task ON task_return(task);
CREATE INDEX task_return_lot ON task_return(lot) WHERE lot IS NOT NULL;

CREATE TABLE hold(
  event_seq INTEGER PRIMARY KEY,
  lot TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  released_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX hold_active ON hold(lot) WHERE released_ms IS NULL;
CREATE INDEX hold_lot ON hold(lot);

CREATE TABLE recall(
  event_seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

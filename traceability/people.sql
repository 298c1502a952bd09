-- What is personal, and nothing else. Rows are erased; nothing here is proved or published.
-- initials: pinyin initials as given at registration, lower case. salt: makes pseudonyms that differ per
-- lot and buyer. held_until_ms: the law keeps the row until then.
CREATE TABLE IF NOT EXISTS person(
  pid TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  phone TEXT NOT NULL,
  initials TEXT NOT NULL,
  consent TEXT NOT NULL,
  salt BLOB NOT NULL,
  held_until_ms INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS person_initials ON person(initials);

-- What buyers wrote beneath a page. It may name people, so it stands here and in no event.
CREATE TABLE IF NOT EXISTS problem(
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  text TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

-- State of a workspace. Times are milliseconds since the epoch. Everything that a checkpoint holds is written in one
-- transaction; see store/checkpoint.rs.

CREATE TABLE positions (           -- the next offset to read
  source TEXT NOT NULL, cluster_id TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (source, cluster_id, topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE source_counts (
  source TEXT PRIMARY KEY, events INTEGER NOT NULL, duplicates INTEGER NOT NULL, malformed INTEGER NOT NULL,
  checkpoint_ms INTEGER NOT NULL, lost INTEGER NOT NULL DEFAULT 0, blocked INTEGER NOT NULL DEFAULT 0,
  violations INTEGER NOT NULL DEFAULT 0, left_out INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE segments (            -- the files of the event log
  name TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  min_timestamp_ms INTEGER NOT NULL, max_timestamp_ms INTEGER NOT NULL,
  min_profile_id INTEGER NOT NULL, max_profile_id INTEGER NOT NULL,
  collected_from_ms INTEGER NOT NULL, collected_to_ms INTEGER NOT NULL,
  merges_applied INTEGER NOT NULL, checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE columns (             -- of events (properties) and of profiles (traits)
  table_name TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, property TEXT NOT NULL,
  data_type TEXT NOT NULL,
  PRIMARY KEY (table_name, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE identifiers (
  sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, profile_id INTEGER NOT NULL,
  first_seen_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE profiles (
  profile_id INTEGER PRIMARY KEY, first_seen_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,
  events INTEGER NOT NULL, merged_into INTEGER,
  deleted INTEGER NOT NULL DEFAULT 0  -- nothing is known of it any more
) STRICT;

CREATE TABLE profile_traits (      -- learnt from identify; the value is JSON
  profile_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, updated_ms INTEGER NOT NULL,
  PRIMARY KEY (profile_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE merges (
  sequence INTEGER PRIMARY KEY, merged_profile_id INTEGER NOT NULL, surviving_profile_id INTEGER NOT NULL,
  message_id TEXT NOT NULL, evidence TEXT NOT NULL, merged_ms INTEGER NOT NULL,
  merged_origin_id INTEGER NOT NULL, surviving_origin_id INTEGER NOT NULL, source TEXT NOT NULL,
  identifiers_before INTEGER NOT NULL
) STRICT;

CREATE TABLE merge_undos (         -- while allowed_ms is null, the two are not merged again
  sequence INTEGER PRIMARY KEY, merge INTEGER NOT NULL, merges_before INTEGER NOT NULL,
  profile_id INTEGER NOT NULL, undone_ms INTEGER NOT NULL, allowed_ms INTEGER
) STRICT;

CREATE TABLE suppressions (        -- identifiers whose events are dropped, told by a hash
  kind TEXT NOT NULL, hash TEXT NOT NULL, since_ms INTEGER NOT NULL, dropped INTEGER NOT NULL, until_ms INTEGER,
  PRIMARY KEY (kind, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
  audience TEXT NOT NULL, profile_id INTEGER NOT NULL, since_ms INTEGER NOT NULL,
  PRIMARY KEY (audience, profile_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE membership_changes (
  id INTEGER PRIMARY KEY, audience TEXT NOT NULL, profile_id INTEGER NOT NULL, entered INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX membership_changes_by_audience ON membership_changes (audience, id);

CREATE TABLE audience_sizes (
  audience TEXT NOT NULL, at_ms INTEGER NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (audience, at_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_places (         -- where a sync writes now
  sync TEXT PRIMARY KEY, place TEXT NOT NULL, shown TEXT NOT NULL, key TEXT NOT NULL,
  delivered INTEGER NOT NULL       -- 1: the whole state was delivered there at least once
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_rows (           -- what the destination acknowledged
  sync TEXT NOT NULL,
  place TEXT NOT NULL,             -- where it was written to and under which key; empty: not told yet
  key TEXT NOT NULL,
  row TEXT,                        -- as last acknowledged; null: never
  in_doubt INTEGER NOT NULL,       -- 1: sent, and what became of it is not known; 2: and sent before that
  PRIMARY KEY (sync, place, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_runs (
  id INTEGER PRIMARY KEY, sync TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, state TEXT NOT NULL,
  added INTEGER NOT NULL, changed INTEGER NOT NULL, removed INTEGER NOT NULL, delivered INTEGER NOT NULL,
  failed INTEGER NOT NULL, error TEXT,
  note TEXT                        -- what else there is to know: what stays behind where it was delivered before
) STRICT;
CREATE INDEX sync_runs_by_sync ON sync_runs (sync, id);

CREATE TABLE lag_chunks (          -- the history of lag: a group's points of ten minutes, or of a day; see store/pack.rs
  cluster TEXT NOT NULL, group_name TEXT NOT NULL, step_ms INTEGER NOT NULL, from_ms INTEGER NOT NULL,
  points BLOB NOT NULL,
  PRIMARY KEY (cluster, group_name, step_ms, from_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE lag_marks (           -- rebalances
  cluster TEXT NOT NULL, group_name TEXT NOT NULL, at_ms INTEGER NOT NULL, what TEXT NOT NULL,
  PRIMARY KEY (cluster, group_name, at_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (              -- as they stand, a row a group
  alert TEXT NOT NULL, cluster TEXT NOT NULL, group_name TEXT NOT NULL, state TEXT NOT NULL,
  since_ms INTEGER NOT NULL, fired_ms INTEGER, resolved_ms INTEGER, reason TEXT NOT NULL,
  owed TEXT,                       -- what somebody has still to be told, as JSON
  error TEXT,
  PRIMARY KEY (alert, cluster, group_name)
) STRICT, WITHOUT ROWID;

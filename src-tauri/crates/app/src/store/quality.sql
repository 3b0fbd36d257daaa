-- Tracking plans and what did not become an event; see store/quality.rs. Read after schema.sql, or after what an older
-- version made.

CREATE TABLE quarantine (          -- records that became no event, as they were read
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  "offset" INTEGER NOT NULL, reason TEXT NOT NULL,
  value TEXT NOT NULL,             -- its beginning, to look at
  seen_ms INTEGER NOT NULL, kind TEXT NOT NULL, event TEXT, message_id TEXT, fields TEXT, timestamp_ms INTEGER,
  key BLOB, record BLOB,           -- the whole value; null: it was null, or too large
  tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX quarantine_by_source ON quarantine (source, id);
CREATE INDEX quarantine_by_place ON quarantine (source, topic, partition, "offset");

CREATE TABLE quarantine_sizes (    -- kept by the triggers below
  source TEXT PRIMARY KEY, records INTEGER NOT NULL, bytes INTEGER NOT NULL, evicted INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER quarantine_in AFTER INSERT ON quarantine BEGIN
  INSERT INTO quarantine_sizes VALUES (new.source, 1, coalesce(length(new.record), 0), 0)
  ON CONFLICT (source) DO UPDATE SET records = records + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER quarantine_out AFTER DELETE ON quarantine BEGIN
  UPDATE quarantine_sizes SET records = records - 1, bytes = bytes - coalesce(length(old.record), 0)
  WHERE source = old.source;
END;

CREATE TABLE violations (          -- of tracking plans, by hour
  source TEXT NOT NULL, hour_ms INTEGER NOT NULL, event TEXT NOT NULL, field TEXT NOT NULL, count INTEGER NOT NULL,
  reason TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
  PRIMARY KEY (source, hour_ms, event, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan_versions (       -- as sources used them
  plan TEXT NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL, saved_ms INTEGER NOT NULL,
  PRIMARY KEY (plan, version)
) STRICT, WITHOUT ROWID;

-- unknown column
SELECT profile_id, revenu FROM events

-- unknown column of a table, on a later line
SELECT e.event
FROM events AS e
WHERE e.catgory = 'shoes'

-- unknown table
SELECT * FROM acounts

-- unknown trait
SELECT * FROM traits.lifetime

-- unknown function
SELECT lenght(event) FROM events

-- syntax
SELECT event FORM events

-- syntax, cut short
SELECT event FROM events WHERE

-- syntax, unfinished text
SELECT 'abc FROM events

-- several statements
SELECT 1; SELECT 2

-- nothing

-- insert
INSERT INTO events SELECT * FROM events

-- delete
DELETE FROM profiles

-- update
UPDATE events SET event = 'x'

-- drop
DROP TABLE events

-- create
CREATE TABLE copy AS SELECT * FROM events

-- a file read as a table
SELECT * FROM '/etc/passwd'

-- a file written
COPY events TO 'events.parquet'

-- a setting
SET datafusion.execution.batch_size = 1

-- an ambiguous column
SELECT profile_id FROM events, profiles

-- a column beside an aggregate
SELECT event, count(*) FROM events

-- types that do not go together
SELECT event + gift FROM events

-- an argument of the wrong type
SELECT sum(category) FROM events

-- a condition that is none
SELECT event FROM events WHERE category

-- division by zero
SELECT 1 / 0

-- text that is no number
SELECT CAST(category AS BIGINT) FROM events WHERE category = 'bags'

-- text that is no time
SELECT * FROM events WHERE timestamp > 'yesterday'

-- a pattern that is none
SELECT event FROM events WHERE regexp_like(event, '(')

"""DuckDB's side of the audience benchmark.

usage: duck.py FOLDER THREADS

FOLDER holds events.parquet, profiles.parquet, accounts.parquet and query.sql. The rows are loaded into tables of a
database of DuckDB's own, events in the order of (profile_id, timestamp), which is the one that suits the query. Then each
line read from standard input runs the query once. Every answer is one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

import duckdb

LOAD = """
SET TimeZone = 'UTC';
CREATE TABLE events AS FROM read_parquet('{folder}/events.parquet') ORDER BY profile_id, timestamp;
CREATE TABLE profiles AS FROM read_parquet('{folder}/profiles.parquet') ORDER BY profile_id;
CREATE SCHEMA crm;
CREATE TABLE crm.accounts AS FROM read_parquet('{folder}/accounts.parquet');
CHECKPOINT;
ANALYZE;
"""


def tell(**answer):
    print(json.dumps(answer), flush=True)


def main():
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    query = (folder / "query.sql").read_text()
    started = time.perf_counter()
    connection = duckdb.connect(str(folder / "duck.db"))
    connection.execute(f"SET threads = {threads}")
    connection.execute(LOAD.format(folder=str(folder).replace("'", "''")))
    rows = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    tell(version=duckdb.__version__, rows=rows, seconds=time.perf_counter() - started)
    for _ in sys.stdin:
        started = time.perf_counter()
        members, ids = connection.execute(query).fetchone()
        tell(seconds=time.perf_counter() - started, members=members, ids=int(ids or 0))


if __name__ == "__main__":
    main()

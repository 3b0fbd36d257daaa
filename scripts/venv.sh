#!/usr/bin/env bash
# A Python environment under the target folder with the peers that benchmarks compare with and the library that tests of
# the tracking API send with. Prints its python.

. "$(dirname "$0")/lib.sh"

# One version, so that figures of different days compare.
packages=(duckdb==2.0.0 segment-analytics-python==2.4.0)
venv=$target/venv
stamp=$venv/.packages

# Two tests may want it at once: the second one waits for the first.
mkdir -p "$target"
exec 9>"$target/venv.lock"
! command -v flock >/dev/null || flock 9

if [ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ]; then
  command -v python3 >/dev/null || fail "python3 is missing: install Python 3 and start again."
  rm -rf "$venv"
  python3 -m venv "$venv" >&2 || fail "python3 cannot make a virtual environment: on Debian, apt-get install python3-venv."
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >&2
  echo "${packages[*]}" >"$stamp"
fi
echo "$venv/bin/python"

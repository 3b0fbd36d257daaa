#!/usr/bin/env bash
# The figures: each a ratio against a peer doing the same work in the same run, in the release profile.
# usage: scripts/bench.sh [tail|search|audience|window|live|large|tracking]... [OPTION...]    nothing named: all; --help lists the options
# The figures are printed as a table and as Markdown, and the latter is left in target/figures.md.

. "$(dirname "$0")/lib.sh"

steps 5
step "System packages"
scripts/setup.sh bench
step "Python environment with the peers"
TAILRACE_PYTHON=$(scripts/venv.sh)
export TAILRACE_PYTHON
step "UI build"
scripts/ui.sh build
step "Release build (long the first time)"
scripts/cargo.sh build --release --workspace --bins
step "Benchmarks"
"$target/release/bench" "$@"
steps_done

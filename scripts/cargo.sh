#!/usr/bin/env bash
# Runs cargo. On a terminal cargo draws its own progress bar; in a pipe or a log it would print a line for each
# of hundreds of crates with no total, so there it says every 50th with the total beside it. In CI a lockfile that
# lags behind the manifests is a failure.
# usage: scripts/cargo.sh CARGO-ARGUMENT...

. "$(dirname "$0")/lib.sh"

[ "${CI:-}" != true ] || set -- --locked "$@"
[ ! -t 2 ] || exec cargo "$@"

crates=$(grep -c '^name = ' Cargo.lock || echo '?')

count() {
  local built=0 line
  while IFS= read -r line; do
    case $line in
      *Compiling\ * | *Checking\ *)
        built=$((built + 1))
        [ $((built % 50)) -ne 0 ] || echo "      $built crates of at most $crates, $(duration $SECONDS)"
        ;;
      *Downloading\ * | *Downloaded\ *) ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

# Standard error alone goes through the counter; standard output stays what it is.
{ cargo "$@" 2>&1 1>&3 | count >&2; } 3>&1

#!/usr/bin/env bash
# Runs fuzz targets, each for a while, from its seeds in fuzz/seeds and what it found before in fuzz/corpus. An input that
# breaks something is kept in fuzz/artifacts; `scripts/fuzz.sh TARGET FILE` tries it again.
# usage: scripts/fuzz.sh [all | TARGET [SECONDS | FILE]]
# FUZZ_SECONDS is how long each target runs (20). The stable compiler is enough: the coverage that libFuzzer looks at is
# LLVM's own. It is a build of its own in target/fuzz, about 1 GB.

. "$(dirname "$0")/lib.sh"
need_toolchains

wanted=${1:-all}
seconds=${FUZZ_SECONDS:-20}
file=
case ${2:-} in
  '') ;;
  *[!0-9]*) file=$2 ;;
  *) seconds=$2 ;;
esac
mapfile -t all < <(sed -n 's/^name = "\([a-z0-9_]*\)"$/\1/p' fuzz/Cargo.toml)
if [ "$wanted" = all ]; then
  targets=("${all[@]}")
else
  [[ " ${all[*]} " == *" $wanted "* ]] || fail "There is no fuzz target $wanted: use one of ${all[*]}."
  targets=("$wanted")
fi
[ -z "$file" ] || [ -f "$file" ] || fail "There is no file $file."

host=$(rustc -vV | sed -n 's/^host: //p')
built=$target/fuzz
bins=()
for name in "${targets[@]}"; do bins+=(--bin "$name"); done
# With a target named, the flags are for what runs and not for what only builds it.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=16 --cfg fuzzing" \
  CARGO_TARGET_DIR=$built cargo build --release --manifest-path fuzz/Cargo.toml --target "$host" "${bins[@]}"

[ -z "${FUZZ_BUILD_ONLY:-}" ] || exit 0
broken=()
steps ${#targets[@]}
for name in "${targets[@]}"; do
  step "$name"
  program=$built/$host/release/$name
  # Memory and time are limits of their own: of one input, whatever it is.
  limits=(-rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=10 -max_len=16384)
  if [ -n "$file" ]; then
    "$program" "${limits[@]}" "$file"
    continue
  fi
  mkdir -p "fuzz/corpus/$name" fuzz/artifacts
  log=$reports/fuzz-$name.log
  if "$program" "${limits[@]}" "-max_total_time=$seconds" "-artifact_prefix=fuzz/artifacts/$name-" \
    "fuzz/corpus/$name" "fuzz/seeds/$name" >"$log" 2>&1; then
    grep '^Done\|DONE' "$log" | tail -n 1
  else
    broken+=("$name")
    grep -m 3 'panicked\|ERROR: libFuzzer\|assertion' "$log" || true
    grep 'Test unit written' "$log" || tail -n 5 "$log"
  fi
done
steps_done
[ ${#broken[@]} -eq 0 ] || fail "Broken: ${broken[*]}. The whole log is in $reports/fuzz-TARGET.log."

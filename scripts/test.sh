#!/usr/bin/env bash
# Every check and every test, in the order in which they are quick to fail. The last lines say what was counted,
# and which tests did not run and why; in CI (CI=true) a test that did not run is a failure, unless it wants data that
# do not come with the checkout ("is not given").

. "$(dirname "$0")/lib.sh"
. scripts/checks.sh

export TAILRACE_SKIPPED=$reports/skipped-tests.txt
: >"$TAILRACE_SKIPPED"
results=$reports/test-results.txt
: >"$results"
started=$SECONDS

# Last lines, whatever happened before.
finish() {
  local code=$? failed_step=$step_headline
  trap - EXIT
  if [ "$code" -ne 0 ]; then
    printf '%sfailed after %s at: %s (step %d of %d)%s\n' \
      "$red" "$(duration $((SECONDS - started)))" "${failed_step:-start}" "$step_number" "$step_count" "$plain"
  else
    steps_done
    totals
  fi
  if [ -s "$TAILRACE_SKIPPED" ]; then
    printf '%sTests that did not run: %d%s\n' "$bold" "$(skipped_count)" "$plain"
    sed 's/^/  /' "$TAILRACE_SKIPPED"
    if [ "${CI:-}" = true ] && [ "$code" -eq 0 ] && grep -qv ' is not given: ' "$TAILRACE_SKIPPED"; then
      printf '%sIn CI a test that did not run is a failure.%s\n' "$red" "$plain"
      code=1
    fi
  elif [ "$code" -eq 0 ]; then
    printf 'every test ran\n'
  fi
  exit "$code"
}
trap finish EXIT

skipped_count() { wc -l <"$TAILRACE_SKIPPED" | tr -d ' '; }

totals() {
  awk -v took="$(duration $((SECONDS - started)))" -v skipped="$(skipped_count)" '
    /^test result:/ { passed += $4 }
    END { printf "all passed in %s: %d Rust tests", took, passed - skipped }' "$results"
  local ui
  ui=$(sed -E 's/\x1b\[[0-9;]*m//g' "$results" | sed -nE 's/^ +Tests +.*[^0-9]([0-9]+) passed.*/\1/p' | tail -n 1)
  printf ', %s UI tests\n' "${ui:-0}"
}

# Runs a command whose counts `totals` reads from its output.
counted() { "$@" | tee -a "$results"; }

steps 12
step "System packages"
scripts/setup.sh test
check_format
check_ui
step "UI tests"
counted npm --prefix ui test --silent
check_clippy
# One selection of packages and targets for all three, so that cargo settles on one set of features and no
# dependency is built twice.
step "Rust build"
scripts/cargo.sh build --workspace --all-targets
step "Generated bindings"
"$target/debug/bindings" --check || fail "ui/src/bindings lags behind the Rust types: run make bindings."
step "Rust tests"
counted scripts/cargo.sh test --quiet --workspace --lib --bins
step "Integration tests: Kafka, PostgreSQL, HTTP, the command line and the window"
counted scripts/cargo.sh test --workspace --test integration

#!/usr/bin/env bash
# The optimised window and command line.

. "$(dirname "$0")/lib.sh"

steps 3
step "System packages"
scripts/setup.sh build
step "UI build"
scripts/ui.sh build
step "Release build (half an hour on two cores the first time)"
scripts/cargo.sh build --release -p tailrace-studio -p tailrace-cli
steps_done
printf '%s\n' "$target/release/tailrace-studio" "$target/release/tailrace"

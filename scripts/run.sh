#!/usr/bin/env bash
# Builds the window and the command line in the profile that is quick to build and quick enough to use, and opens
# the sample workspace with the sandbox running. Without a display: the same job in the terminal.
# usage: scripts/run.sh [ARGUMENT...]    arguments go to the program that is started

. "$(dirname "$0")/lib.sh"

steps 5
step "System packages"
scripts/setup.sh build
step "UI dependencies"
scripts/ui.sh deps
step "UI build"
scripts/ui.sh build
step "Rust build (the first one takes minutes; later ones only what changed)"
scripts/cargo.sh build --profile quick -p tailrace-studio -p tailrace-cli
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  step "The window, on the sample workspace"
  exec "$target/quick/tailrace-studio" "$@"
fi
step "No display here: the same job in the terminal, for 30 seconds"
[ $# -gt 0 ] || set -- demo --seconds 30 --progress
exec "$target/quick/tailrace" "$@"

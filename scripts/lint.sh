#!/usr/bin/env bash
# Formatting, clippy, and the UI's linter and types.

. "$(dirname "$0")/lib.sh"
. scripts/checks.sh

steps 7
step "System packages"
scripts/setup.sh build
check_format
check_ui
check_clippy
steps_done

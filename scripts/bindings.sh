#!/usr/bin/env bash
# Writes the TypeScript twins of the types and commands that the window and the Rust side share.

. "$(dirname "$0")/lib.sh"

need_toolchains
scripts/cargo.sh run --quiet -p tailrace-model --bin bindings

# Every target does its own set-up; the second time that set-up is a matter of a second.
#   make run       build, then open the window on the sample workspace (no display: the demo in the terminal)
#   make test      every check and every test, integration and window included
#   make lint      formatting, clippy, the UI's linter and types
#   make fuzz      everything that reads bytes from outside, each for 20 seconds of a fuzzer (FUZZ_SECONDS=...)
#   make bench     the figures, each a ratio measured in one run
#   make release   the optimised window and command line
#   make bindings  the TypeScript types that are generated from Rust
# CARGO_TARGET_DIR is respected throughout. ARGS="..." goes to the program that `run` and `bench` start.

SHELL := /usr/bin/env bash
.DEFAULT_GOAL := run
.PHONY: run test lint fuzz bench release bindings

run:
	@scripts/run.sh $(ARGS)

test:
	@scripts/test.sh

lint:
	@scripts/lint.sh

fuzz:
	@scripts/fuzz.sh $(ARGS)

bench:
	@scripts/bench.sh $(ARGS)

release:
	@scripts/release.sh

bindings:
	@scripts/bindings.sh

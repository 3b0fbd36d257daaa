# shellcheck shell=bash
# The checks that `make lint` and `make test` share; sourced after lib.sh. Each names its own steps.

# 1 step. A minimal Rust installation has neither of the two tools.
check_format() {
  step "Rust formatting"
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    command -v rustup >/dev/null || fail "rustfmt or clippy is missing: install your Rust's packages of them and start again."
    rustup component add rustfmt clippy
  fi
  cargo fmt --all --check || fail "Formatting differs: run cargo fmt --all."
}

# 4 steps. The build is among them because the window's crate embeds its result, clippy included.
check_ui() {
  step "UI dependencies"
  scripts/ui.sh deps
  step "UI build"
  scripts/ui.sh build
  step "UI lint"
  npm --prefix ui run --silent lint
  step "UI types"
  npm --prefix ui run --silent typecheck
}

# 1 step
check_clippy() {
  step "Clippy"
  scripts/cargo.sh clippy --workspace --all-targets -- -D warnings
}

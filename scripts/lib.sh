# shellcheck shell=bash disable=SC2034  # sourced; what it sets is used by others
# Shared by the scripts beside it, which source it. It moves to the root, sets
#   root       the checkout
#   target     cargo's target folder, CARGO_TARGET_DIR where that is set
#   reports    this checkout's own logs, results and screenshots (the target folder may be shared)
# and offers
#   steps N            how many steps there will be
#   step HEADLINE      the next one's headline, as [n/m], with what the one before took
#   steps_done         closes the last step
#   fail MESSAGE...    one clear sentence on standard error, exit 1

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR=$target
reports=$root/target
mkdir -p "$target" "$reports"

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'; else bold='' dim='' red='' plain=''; fi

step_number=0 step_count=0 step_started=0 step_headline=''

steps() { step_count=$1; }

step() {
  steps_done
  step_number=$((step_number + 1))
  step_headline=$1
  step_started=$SECONDS
  printf '%s[%d/%d] %s%s\n' "$bold" "$step_number" "$step_count" "$step_headline" "$plain"
}

steps_done() {
  [ -n "$step_headline" ] || return 0
  printf '%s      %s: %s%s\n' "$dim" "$step_headline" "$(duration $((SECONDS - step_started)))" "$plain"
  step_headline=''
}

duration() {
  if [ "$1" -ge 60 ]; then printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); else printf '%d s' "$1"; fi
}

fail() {
  printf '%s%s%s\n' "$red" "$*" "$plain" >&2
  exit 1
}

# The compilers are the machine's own: say what is missing instead of failing half-way.
need_toolchains() {
  command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs and start again."
  command -v npm >/dev/null || fail "npm is missing: install Node.js 20 or newer from https://nodejs.org and start again."
  local node_major
  node_major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  [ "$node_major" -ge 20 ] || fail "Node.js 20 or newer is needed, $(node --version 2>/dev/null || echo none) was found."
}

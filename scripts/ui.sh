#!/usr/bin/env bash
# The window's pages: dependencies only when the lockfile changed, a build only when a source did.
# usage: scripts/ui.sh deps|build

. "$(dirname "$0")/lib.sh"
cd ui

# Both stamps live in node_modules, so that they go when it goes.
installed=node_modules/.tailrace-lock
built=node_modules/.tailrace-built

deps() {
  cmp -s package-lock.json "$installed" && return 0
  npm ci --include=dev --no-audit --no-fund
  cp package-lock.json "$installed"
}

build() {
  if [ -f dist/index.html ] && [ -f "$built" ]; then
    local newer
    newer=$(find . -mindepth 1 \( -path ./node_modules -o -path ./dist \) -prune -o -newer "$built" -print -quit)
    [ -n "$newer" ] || { echo "up to date"; return 0; }
  fi
  local started
  started=$(mktemp)
  npm run --silent build
  # What was edited while the build ran is newer than it.
  touch -r "$started" "$built"
  rm -f "$started"
}

case ${1:-} in
  deps) deps ;;
  build) deps && build ;;
  *) fail "usage: scripts/ui.sh deps|build" ;;
esac

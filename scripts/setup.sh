#!/usr/bin/env bash
# Sees to the system packages that a target needs, and installs only what is missing.
# usage: scripts/setup.sh build|test|bench
#   build  what compiling and opening the window needs
#   test   that, and the servers and the display that the integration tests start
#   bench  that, and what a Python environment needs
# On Debian and its kin it installs them (with sudo where the caller is not root). On another system it names
# the packages and fails if a tool that building needs is missing. A server for the tests that cannot be had
# is no failure here: the tests that need it say that they did not run.

. "$(dirname "$0")/lib.sh"

kind=${1:-build}

# libcurl: librdkafka's cmake build includes its header even where it is built without curl.
build_packages=(
  build-essential pkg-config cmake clang mold
  libwebkit2gtk-4.1-dev libgtk-3-dev librsvg2-dev libsoup-3.0-dev
  libssl-dev libsasl2-dev libcurl4-openssl-dev zlib1g-dev libfontconfig-dev libfreetype-dev
  libgl1-mesa-dri fonts-dejavu-core
)
test_packages=(xvfb webkit2gtk-driver postgresql)

command -v java >/dev/null || test_packages+=(default-jre-headless)
command -v mvn >/dev/null || test_packages+=(maven)
# Debian's python3 comes without the half of venv that fills an environment.
[ "$kind" != bench ] || python3 -c 'import ensurepip' 2>/dev/null || test_packages+=(python3-venv)

# Those of the named packages that are not installed.
missing() {
  local name state
  for name in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    [ "$state" = installed ] || echo "$name"
  done
}

# Installs the named packages; the caller decides what a failure means.
install() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "These packages are missing and there is no sudo to install them with: $*" >&2
      return 1
    }
    as_root=(sudo)
  fi
  echo "installing: $*"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update || echo "apt-get update failed: going on with the lists at hand" >&2
  "${apt[@]}" install --yes --no-install-recommends "$@" >"$reports/apt.log" 2>&1 || {
    tail -n 20 "$reports/apt.log" >&2
    return 1
  }
}

# One that cannot be had does not take the others with it.
install_each() {
  local name
  for name in "$@"; do
    install "$name" || echo "Could not install $name: the tests that need it will not run." >&2
  done
}

debian() {
  local names
  mapfile -t names < <(missing "${build_packages[@]}")
  if [ "${#names[@]}" -gt 0 ]; then
    install "${names[@]}" || fail "Could not install ${names[*]}: install them by hand and start again."
  fi
  [ "$kind" != build ] || return 0
  mapfile -t names < <(missing "${test_packages[@]}")
  if [ "${#names[@]}" -gt 0 ]; then
    install "${names[@]}" || install_each "${names[@]}"
  fi
}

# Another system: look for the tools and libraries themselves, and name what would bring them.
elsewhere() {
  local lacking=() tool library
  for tool in cc cmake pkg-config; do
    command -v "$tool" >/dev/null || lacking+=("$tool")
  done
  if [ "$(uname -s)" = Linux ]; then
    for tool in clang mold; do
      command -v "$tool" >/dev/null || lacking+=("$tool")
    done
    for library in webkit2gtk-4.1 gtk+-3.0 librsvg-2.0 libsoup-3.0 libsasl2 libcurl fontconfig freetype2; do
      pkg-config --exists "$library" 2>/dev/null || lacking+=("$library")
    done
  fi
  pkg-config --exists openssl 2>/dev/null || lacking+=(openssl)
  [ "${#lacking[@]}" -gt 0 ] || return 0
  fail "Missing: ${lacking[*]}. $(advice) Then start again."
}

advice() {
  local id
  # shellcheck source=/dev/null
  id=$(uname -s; [ ! -r /etc/os-release ] || { . /etc/os-release && echo "${ID:-} ${ID_LIKE:-}"; })
  case $id in
    *fedora* | *rhel*)
      echo "Install them with: sudo dnf install gcc gcc-c++ pkgconf cmake clang mold webkit2gtk4.1-devel gtk3-devel" \
        "librsvg2-devel libsoup3-devel openssl-devel cyrus-sasl-devel libcurl-devel zlib-devel fontconfig-devel freetype-devel."
      ;;
    *arch*)
      echo "Install them with: sudo pacman -S --needed base-devel cmake clang mold webkit2gtk-4.1 gtk3 librsvg libsoup3" \
        "openssl libsasl curl zlib fontconfig freetype2."
      ;;
    *suse*)
      echo "Install them with: sudo zypper install gcc gcc-c++ pkgconf cmake clang mold webkit2gtk3-devel gtk3-devel" \
        "librsvg-devel libsoup-devel libopenssl-devel cyrus-sasl-devel libcurl-devel zlib-devel fontconfig-devel freetype2-devel."
      ;;
    *Darwin*)
      echo "Install them with: xcode-select --install; brew install cmake pkgconf openssl@3 cyrus-sasl."
      ;;
    *)
      echo "Install your system's development packages of: C and C++ compilers, pkg-config, cmake, clang, mold," \
        "WebKitGTK 4.1, GTK 3, librsvg 2, libsoup 3, OpenSSL, Cyrus SASL, libcurl, zlib, fontconfig and freetype."
      ;;
  esac
  if [ "$kind" != build ]; then
    echo "The integration tests also start Java 17, Maven, PostgreSQL, Xvfb and WebKitWebDriver."
  fi
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then debian; else elsewhere; fi
need_toolchains

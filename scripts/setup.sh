#!/usr/bin/env bash
# Installs the Debian packages that are missing, and says which and why; silent and quick where none is.
#
#   setup.sh build    what compiling needs
#   setup.sh test     what the tests need besides
#   setup.sh interop  what the libraries need that verify our tokens in a test
#   setup.sh aws-lc   what AWS-LC needs to be built
#   setup.sh compose  what brings the image and docker-compose.yml up in a test
set -euo pipefail

packages=()
need() { # PACKAGE WHY
  packages+=("$1")
  reasons+="  $1: $2"$'\n'
}
reasons=""

has() { command -v "$1" >/dev/null 2>&1; }
installed() { has dpkg-query && [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

check_build() {
  if ! has cargo; then
    echo "cargo is not on the PATH. Portcullis is written in Rust: see https://rustup.rs." >&2
    exit 1
  fi
  has cc || need gcc "a C compiler and linker, for the SQLite that is built into the binary"
  # The headers of the C library, which gcc only recommends.
  if ! has cc || ! echo '#include <stdio.h>' | cc -E -x c - >/dev/null 2>&1; then
    need libc6-dev "the C library's headers, for the same"
  fi
  # OPENSSL_DIR names an OpenSSL of the builder's own, and nothing has to be found.
  if [ -z "${OPENSSL_DIR:-}" ]; then
    has pkg-config || need pkg-config "finds OpenSSL for the build"
    installed libssl-dev || pkg-config --exists openssl 2>/dev/null ||
      need libssl-dev "OpenSSL's headers: TLS and sealing use the system's library"
  fi
}

check_test() {
  # A server given by its address makes one of our own unnecessary. Debian keeps initdb outside the PATH.
  if [ -z "${PORTCULLIS_TEST_DATABASE_URL:-}" ] && ! has initdb &&
    ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
    need postgresql "the tests start a private server of it, not the cluster that Debian adds"
  fi
  # In a folder that only root has on the PATH.
  has nginx || [ -x /usr/sbin/nginx ] ||
    need nginx "the tests start it with the configuration of docs/proxies, not the service that Debian adds"
  has caddy || need caddy "the same"
  # A git without its server's half is a package of its own elsewhere; in Debian's it is there.
  has git && [ -x "$(git --exec-path)/git-http-backend" ] ||
    need git "a test pushes to a server that git itself brings (git http-backend)"
  has curl || need curl "the same test gets its token with the line of shell that jobs have"
  has openssl || need openssl "a test makes a key and verifies a signature with the lines of docs/partners.md"
}

check_interop() {
  # Debian's Python cannot make a virtual environment by itself.
  has python3 && python3 -c 'import venv, ensurepip' 2>/dev/null ||
    need python3-venv "PyJWT and jwcrypto are installed in a virtual environment, and verify our tokens"
  has node || need nodejs "runs jose, which verifies our tokens"
  has npm || need npm "installs jose"
}

check_aws_lc() {
  has cmake || need cmake "AWS-LC is built with it"
  compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null ||
    need libclang-dev "AWS-LC's bindings are made with it"
}

check_compose() {
  has dockerd || need docker.io "builds and runs the image; no service of it is started"
  # Debian's docker.io only recommends it.
  has iptables || need iptables "dockerd joins the containers' networks with it"
  has docker-compose || need docker-compose "reads docker-compose.yml"
  has debootstrap || need debootstrap "puts the base images together from Debian's packages"
  has curl || need curl "asks the gateway"
}

install_packages() {
  local update="apt-get update" install="apt-get install -y --no-install-recommends ${packages[*]}"
  local sudo=""
  printf 'Missing on this machine:\n%s' "$reasons"
  if ! has apt-get || ! has dpkg-query; then
    echo "This is not a Debian machine: install what these are called here (the names are Debian's)." >&2
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || give_up "You are not root and there is no sudo."
    sudo="sudo"
  fi
  export DEBIAN_FRONTEND=noninteractive
  start_nothing
  echo "Installing with: ${sudo:+sudo }$install"
  # The words are split on purpose: what was printed is what is run.
  # shellcheck disable=SC2086
  { $sudo $update && $sudo $install; } </dev/null || give_up "That failed."
  disable_services
}

# Debian starts the services that it installs, and nginx and caddy would both have port 80.
start_nothing() {
  local policy=/usr/sbin/policy-rc.d
  [ ! -e "$policy" ] || return 0
  echo "Meanwhile $policy keeps Debian from starting services."
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod 755 "$policy"
  # shellcheck disable=SC2064
  trap "$sudo rm -f $policy" EXIT
}

# Nor at the next start of the machine.
disable_services() {
  local service
  has systemctl || return 0
  for service in nginx caddy docker; do
    case " ${packages[*]} " in *" $service "*) $sudo systemctl disable --quiet "$service" || true ;; esac
  done
}

give_up() { # WHY
  printf '%s As root, run:\n  apt-get update && apt-get install -y --no-install-recommends %s\n' \
    "$1" "${packages[*]}" >&2
  exit 1
}

case "${1:-}" in
  build) check_build ;;
  test) check_test ;;
  interop) check_interop ;;
  aws-lc) check_aws_lc ;;
  compose) check_compose ;;
  *) echo "usage: setup.sh build|test|interop|aws-lc|compose" >&2; exit 2 ;;
esac
[ "${#packages[@]}" -eq 0 ] || install_packages

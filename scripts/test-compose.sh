#!/usr/bin/env bash
# Builds the image and brings docker-compose.yml up for real, on a Debian machine and as root; a line a step, and the first
# one that does not hold ends it. All of it is taken away again; --keep leaves the images, so that the next run is quick.
# In a daemon that ran before, the build's own layers stay as its cache, until `docker image prune`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly HERE=packaging/test
# What a daemon of the test's own keeps; on a disk, because tmpfs is too small for it.
readonly root=/var/lib/portcullis-test-docker
keep=no
case "${1:-}" in
  --keep) keep=yes ;;
  "") ;;
  *) echo "usage: test-compose.sh [--keep]" >&2; exit 2 ;;
esac

began=$SECONDS
step() { printf '%4d s  %s\n' "$((SECONDS - began))" "$*"; }
fail() {
  printf 'FAILED  %s\n' "$*" >&2
  exit 1
}
wait_for() { # SECONDS WHAT COMMAND…
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || fail "waited in vain for $what"
    sleep 0.2
  done
}

[ "$(id -u)" -eq 0 ] || fail "a Docker daemon and debootstrap need root"
scripts/setup.sh compose
# shellcheck source=packaging/test/docker.sh
. "$HERE/docker.sh"
# shellcheck source=packaging/test/images.sh
. "$HERE/images.sh"

work=$(mktemp -d)
readonly image=portcullis-test/gateway
export COMPOSE_PROJECT_NAME=portcullis-test
# Both clients have a builder that needs nothing beside them.
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
export BUILD_IMAGE=$RUST RUNTIME_IMAGE=$BASE POSTGRES_IMAGE=$POSTGRES PORTCULLIS_IMAGE=$image
export PORTCULLIS_SECRETS=$work/secrets PORTCULLIS_USER=10001:10001

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}
PORTCULLIS_PORT=$(free_port) PORTCULLIS_ADMIN_PORT=$(free_port)
export PORTCULLIS_PORT PORTCULLIS_ADMIN_PORT
readonly public=http://127.0.0.1:$PORTCULLIS_PORT admin=http://127.0.0.1:$PORTCULLIS_ADMIN_PORT

take_away() {
  local status=$?
  trap - EXIT
  if [ -n "${up:-}" ]; then
    [ "$status" -eq 0 ] || docker-compose logs --no-color --tail 20 >&2 || true
    docker rm --force --volumes portcullis-test-alone >/dev/null 2>&1 || true
    docker-compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    # With nothing to keep, nothing of a daemon that is not ours stays either.
    [ "$keep" = yes ] || docker rmi --force "$image" "$RUST" "$POSTGRES" "$BASE" >/dev/null 2>&1 || true
  fi
  stop_docker
  if [ "$status" -eq 0 ]; then rm -rf "$work"; else echo "logs stay in $work" >&2; fi
  exit "$status"
}
trap take_away EXIT

start_docker
up=yes
debian_image
rust_image
postgres_image
step "stand-ins for three base images are made of Debian's packages and this machine's Rust"
docker-compose build gateway >"$work/build.log" 2>&1 || fail "the image: $(tail -n 15 "$work/build.log")"
step "docker-compose build: $image, $(docker image inspect -f '{{.Size}}' "$image" | numfmt --to=iec) in all," \
  "$(docker image inspect -f '{{.Size}}' "$BASE" | numfmt --to=iec) of them the base"

# shellcheck source=packaging/test/proofs.sh
. "$HERE/proofs.sh"
alone
brought_up
confined
loop
restarted
without_database
scraped
secret
backed_up
stopped
step "all of it held, on $(docker-compose version --short) of docker-compose"

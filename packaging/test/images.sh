# Images for scripts/test-compose.sh, which reads this. Where a registry of images is reached, none of this is needed:
# here the base images are put together from Debian's packages.
# shellcheck shell=bash disable=SC2154  # work is the script's

readonly BASE=portcullis-test/debian RUST=portcullis-test/rust POSTGRES=portcullis-test/postgres

# The client that Debian does not make says at each build that another builder will come.
build() { docker build --quiet "$@" >/dev/null 2>"$work/build-base.log" || fail "$(cat "$work/build-base.log")"; }

have() { docker image inspect "$1" >/dev/null 2>&1; }

# The smallest bookworm, from wherever this machine has its packages.
debian_image() {
  ! have "$BASE" || return 0
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1 || true)
  # The mirror may be one of another suite (security's); debootstrap's own is as good then.
  case "$mirror" in */debian/ | */debian) ;; *) mirror="" ;; esac
  debootstrap --variant=minbase bookworm "$work/debian" ${mirror:+"$mirror"} >"$work/debootstrap.log" 2>&1 ||
    fail "debootstrap failed: $(tail -n 3 "$work/debootstrap.log")"
  # How this machine reaches its registries, and whom it believes, holds for what is built on it.
  apt-config dump | grep -E '^Acquire::(http|https|Check)' >"$work/debian/etc/apt/apt.conf.d/99host" || true
  cp -r /usr/local/share/ca-certificates "$work/debian/usr/local/share/" 2>/dev/null || true
  tar -C "$work/debian" -c . | docker import - "$BASE" >/dev/null
  rm -rf "$work/debian"
}

# Debian's own Rust is older than ours needs: the toolchain is this machine's, without its documentation.
rust_image() {
  ! have "$RUST" || return 0
  local sysroot config
  sysroot=$(rustc --print sysroot)
  mkdir -p "$work/context/cargo"
  # Where crates come from; credentials stay here.
  config=${CARGO_HOME:-$HOME/.cargo}/config.toml
  [ ! -e "$config" ] || cp "$config" "$work/context/cargo/"
  tar -c -C "$HERE" rust.Dockerfile -C "$work/context" cargo \
    --transform 's,^\./,toolchain/,' -C "$sysroot" ./bin ./lib |
    build --build-arg BASE="$BASE" -t "$RUST" -f rust.Dockerfile -
}

postgres_image() {
  ! have "$POSTGRES" || return 0
  tar -c -C "$HERE" postgres.Dockerfile postgres-entrypoint.sh |
    build --build-arg BASE="$BASE" -t "$POSTGRES" -f postgres.Dockerfile -
}

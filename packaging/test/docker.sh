# Docker for scripts/test-compose.sh, which reads this: the daemon that runs, or one of the test's own.
# shellcheck shell=bash disable=SC2154  # work, root and keep are the script's

# The test's own daemon keeps to itself, so that nothing of it is in the way of a Docker that is installed properly.
start_docker() {
  if docker info >/dev/null 2>&1; then
    step "a Docker daemon runs here, and is used"
    return
  fi
  # It turns forwarding on, adds rules and a bridge, and takes none of it back when it leaves.
  forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
  iptables-save >"$work/iptables"
  export DOCKER_HOST="unix://$work/docker.sock"
  dockerd --data-root "$root" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "$DOCKER_HOST" \
    >"$work/dockerd.log" 2>&1 &
  daemon=$!
  wait_for 60 "dockerd to answer (its log: $work/dockerd.log)" docker info
  step "dockerd $(docker version --format '{{.Server.Version}}') is started by hand, with its data in $root"
}

stop_docker() {
  [ -n "${daemon:-}" ] || return 0
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  ip link delete docker0 2>/dev/null || true
  iptables-restore <"$work/iptables" || true
  echo "$forwarding" >/proc/sys/net/ipv4/ip_forward
  # Of a daemon that was killed itself, mounts may be left.
  [ "$keep" = yes ] || rm -rf --one-file-system "$root"
}

# What scripts/test-compose.sh, which reads this, proves of the running containers.
# shellcheck shell=bash disable=SC2154  # the variables are the script's

status() { curl -sS -o "$work/answer" -D "$work/head" -w '%{http_code}' --max-time 20 "$@" || echo none; }
expect() { # STATUS WHAT CURL…
  local wanted=$1 what=$2 got
  shift 2
  got=$(status "$@")
  [ "$got" = "$wanted" ] || fail "$what: $got instead of $wanted: $(head -c 300 "$work/answer")"
}
answers() { [ "$(status "${@:2}")" = "$1" ]; }
container() { docker-compose ps --quiet "$1"; }
health() { docker inspect -f '{{.State.Health.Status}}' "$1"; }
is() { [ "$(health "$1")" = "$2" ]; }
kept() { cat "$PORTCULLIS_SECRETS/$1"; }
bearer() { echo "Authorization: Bearer $1"; }

ended() { # ADMIN_TOKEN
  answers 200 "$admin/v1/revocations" -H "$(bearer "$1")" && grep -q '"state":"revoked"' "$work/answer"
}

mint() { # LISTENER ADMIN_TOKEN: prints the PAT
  local body
  body='{"name": "compose", "owner": "user:ann@example.com", "scopes": ["read"], "expires_at": "'
  body+="$(date -u -d '+1 day' +%FT%TZ)\"}"
  expect 201 "minting a PAT" "$1/v1/pats" -H "$(bearer "$2")" -d "$body"
  sed 's/.*"token":"\([^"]*\)".*/\1/' "$work/answer"
}

# The image by itself: SQLite in its volume, as docs/install.md has it.
alone() {
  local name=portcullis-test-alone port token pat
  docker run --detach --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges \
    --publish 127.0.0.1::8080 "$image" >/dev/null
  wait_for 180 "the image alone to be healthy" is "$name" healthy
  port=$(docker port "$name" 8080)
  token=$(docker exec "$name" portcullis secrets show admin_token 2>>"$work/alone.log")
  pat=$(mint "http://$port" "$token")
  expect 200 "/auth of the image alone" "http://$port/auth" -H "$(bearer "$pat")"
  docker stop --time 40 "$name" >/dev/null
  [ "$(docker inspect -f '{{.State.ExitCode}}' "$name")" = 0 ] || fail "docker stop is no clean end"
  docker start "$name" >/dev/null
  wait_for 180 "the image alone to be healthy again" is "$name" healthy
  port=$(docker port "$name" 8080)
  expect 200 "/auth after a restart" "http://$port/auth" -H "$(bearer "$pat")"
  docker rm --force --volumes "$name" >/dev/null
  step "the image alone, with SQLite in its volume: healthy, mints, checks, stops with 0, and knows its PAT again"
}

brought_up() {
  scripts/compose-secrets.sh "$PORTCULLIS_SECRETS" >/dev/null
  local before after
  before=$(sha256sum "$PORTCULLIS_SECRETS"/*)
  scripts/compose-secrets.sh "$PORTCULLIS_SECRETS" >/dev/null
  after=$(sha256sum "$PORTCULLIS_SECRETS"/*)
  [ "$before" = "$after" ] || fail "a second compose-secrets.sh changes secrets"
  [ "$(stat -c %a "$PORTCULLIS_SECRETS"/* | sort -u)" = 600 ] || fail "secrets that others can read"
  step "compose-secrets.sh: $(find "$PORTCULLIS_SECRETS" -type f | wc -l) files, 0600, the same after a second run"
  docker-compose up --detach --no-build >"$work/up.log" 2>&1 || fail "up: $(tail -n 5 "$work/up.log")"
  gateway=$(container gateway) postgres=$(container postgres)
  wait_for 180 "the gateway to be healthy" is "$gateway" healthy
  is "$postgres" healthy || fail "the gateway is healthy, and Postgres $(health "$postgres")"
  step "docker-compose up: Postgres is healthy, then the gateway"
  expect 200 /ready "$public/ready"
  expect 200 "/ready of operators" "$admin/ready"
  local bound
  bound=$(docker inspect -f '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}' "$gateway")
  [ "$bound" = "127.0.0.1 127.0.0.1 " ] || fail "published on $bound"
  step "/ready is 200 on both listeners, which are published on loopback alone"
}

confined() {
  local uid wrong
  uid=$(docker exec "$gateway" id -u)
  [ "$uid" = 10001 ] || fail "it runs as $uid"
  for wrong in /usr/local/bin/portcullis /etc/portcullis/portcullis.toml /new; do
    ! docker exec --user 0 "$gateway" sh -c "echo >>$wrong" 2>/dev/null || fail "root can write $wrong"
  done
  docker exec "$gateway" sh -c 'cat /proc/1/status' >"$work/status"
  grep -q '^CapEff:.0*$' "$work/status" || fail "$(grep CapEff "$work/status")"
  grep -q '^CapBnd:.0*$' "$work/status" || fail "$(grep CapBnd "$work/status")"
  grep -q '^NoNewPrivs:.1$' "$work/status" || fail "it may gain privileges"
  ! docker exec "$postgres" sh -c "echo >/new" 2>/dev/null || fail "Postgres' root file system can be written"
  step "the gateway is user $uid, without a capability, on a root file system that not even root can write"
}

loop() {
  local token reporter
  token=$(kept admin_token) reporter=$(kept revocation_api_token)
  leaked=$(mint "$public" "$token")
  good=$(mint "$public" "$token")
  expect 200 "/auth" "$public/auth" -H "$(bearer "$leaked")"
  expect 204 "the report" "$public/v1/revoke_tokens" -H "Authorization: $reporter" \
    -d '[{"type": "gitleaks_rule_id_gitpod_personal_access_token", "token": "'"$leaked"'", "location": "https://a.b/c"}]'
  expect 401 "/auth with what leaked" "$public/auth" -H "$(bearer "$leaked")"
  expect 401 "minting as nobody" "$public/v1/pats" -H "$(bearer wrong)" -d '{}'
  # The PAT died with the report; its row is ended by the worker, a moment later.
  wait_for 30 "the queue to say revoked" ended "$token"
  step "a PAT is minted, /auth says 200; it is reported as leaked, 204; /auth says 401, and the queue: revoked"
}

restarted() {
  docker-compose restart --timeout 40 gateway >/dev/null 2>&1
  wait_for 180 "the restarted gateway to be healthy" is "$gateway" healthy
  expect 200 "/auth with the other PAT" "$public/auth" -H "$(bearer "$good")"
  expect 401 "/auth with what leaked" "$public/auth" -H "$(bearer "$leaked")"
  step "the gateway is restarted: one PAT is still good, the other one still dead"
}

without_database() {
  local started
  started=$(docker inspect -f '{{.State.StartedAt}}' "$gateway")
  docker-compose kill postgres >/dev/null 2>&1
  wait_for 30 "/ready to say 503" answers 503 "$public/ready"
  grep -qi '^retry-after:' "$work/head" || fail "503 without Retry-After"
  expect 503 "the list of PATs" "$public/v1/pats" -H "$(bearer "$(kept admin_token)")"
  expect 200 "/health" "$public/health"
  wait_for 180 "the gateway to be unhealthy" is "$gateway" unhealthy
  step "Postgres is killed: /ready and /v1/pats say 503, with Retry-After; /health 200; the container is unhealthy"
  docker-compose start postgres >/dev/null 2>&1
  wait_for 180 "/ready to say 200 again" answers 200 "$public/ready"
  wait_for 180 "the gateway to be healthy again" is "$gateway" healthy
  expect 200 "/auth with the other PAT" "$public/auth" -H "$(bearer "$good")"
  expect 401 "/auth with what leaked" "$public/auth" -H "$(bearer "$leaked")"
  [ "$(docker inspect -f '{{.State.StartedAt}}' "$gateway")" = "$started" ] || fail "the gateway was restarted"
  step "Postgres is back: 200 again, healthy again, and the gateway was not restarted"
}

# Everything that Docker shows of containers and image, searched for every secret.
secret() {
  local what file count=0
  docker logs "$gateway" >"$work/seen-logs" 2>&1
  docker logs "$postgres" >"$work/seen-logs-postgres" 2>&1
  docker inspect "$gateway" "$postgres" >"$work/seen-inspect"
  docker inspect "$image" >"$work/seen-image"
  docker history --no-trunc "$image" >"$work/seen-history"
  cat "/proc/$(docker inspect -f '{{.State.Pid}}' "$gateway")/environ" >"$work/seen-environment"
  grep -q '"message":"started"' "$work/seen-logs" || fail "the log is not there to be searched"
  for what in "$PORTCULLIS_SECRETS"/* <(echo "$leaked") <(echo "$good"); do
    what=$(cat "$what")
    [ "${#what}" -ge 43 ] || fail "a secret is too short to be one"
    for file in "$work"/seen-*; do
      ! grep -qaF -- "$what" "$file" || fail "a secret is in $file"
    done
    count=$((count + 1))
  done
  step "$count secrets, none in the logs, in what inspect and history show, or in the process's environment"
}

scraped() {
  local scraper
  scraper=$(bearer "$(kept metrics_token)")
  expect 200 "the metrics" "$admin/metrics" -H "$scraper"
  grep -q '^portcullis_build_info{' "$work/answer" || fail "metrics without portcullis_build_info"
  expect 401 "the queue, with the token for metrics" "$admin/v1/revocations" -H "$scraper"
  step "the metrics are scraped with metrics_token, which opens nothing else"
}

# As docs/backup.md has it, into a volume that is new.
backed_up() {
  local dump=(pg_dump -U portcullis --format=custom --no-owner --no-privileges portcullis)
  local restore=(pg_restore -U portcullis --no-owner --no-privileges --exit-on-error --single-transaction --dbname=portcullis)
  (umask 077; docker-compose exec -T postgres "${dump[@]}" >"$work/dump") || fail "pg_dump"
  docker-compose down --volumes >/dev/null 2>&1
  docker-compose up --detach postgres >>"$work/up.log" 2>&1 || fail "up: $(tail -n 5 "$work/up.log")"
  postgres=$(container postgres)
  wait_for 180 "the new Postgres to be healthy" is "$postgres" healthy
  docker-compose exec -T postgres "${restore[@]}" <"$work/dump" >"$work/restore.log" 2>&1 ||
    fail "pg_restore: $(tail -n 5 "$work/restore.log")"
  docker-compose up --detach --no-build >>"$work/up.log" 2>&1 || fail "up: $(tail -n 5 "$work/up.log")"
  gateway=$(container gateway)
  wait_for 180 "the restored gateway to be healthy" is "$gateway" healthy
  expect 200 "/auth with the other PAT" "$public/auth" -H "$(bearer "$good")"
  expect 401 "/auth with what leaked" "$public/auth" -H "$(bearer "$leaked")"
  docker-compose exec -T gateway portcullis audit verify >"$work/verify.log" 2>&1 ||
    fail "audit verify: $(tail -n 5 "$work/verify.log")"
  step "the database is dumped, and restored into a new volume: both PATs are what they were, and the audit log is whole"
}

stopped() {
  docker-compose stop >/dev/null 2>&1
  [ "$(docker inspect -f '{{.State.ExitCode}}' "$gateway")" = 0 ] || fail "the gateway's end is not clean"
  step "docker-compose stop: the gateway leaves with status 0"
}

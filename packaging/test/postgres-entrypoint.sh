#!/usr/bin/env bash
# As the official image begins: the secret is read and the volume given away as root, all else is done as postgres.
set -euo pipefail

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

chown postgres:postgres "$PGDATA" /var/run/postgresql
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install -m 0600 -o postgres "$POSTGRES_PASSWORD_FILE" /tmp/password
  # As there, the words of the arguments are split.
  # shellcheck disable=SC2086
  as_postgres initdb ${POSTGRES_INITDB_ARGS:-} --username="$POSTGRES_USER" --pwfile=/tmp/password \
    --auth-local=trust --auth-host=scram-sha-256 >/dev/null
  rm /tmp/password
  as_postgres sh -c 'echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"'
  # Without TCP, so that nobody takes it for ready before it is.
  as_postgres pg_ctl --silent --wait --options="-c listen_addresses=''" start
  as_postgres createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  as_postgres pg_ctl --silent --wait --mode=fast stop
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -c "listen_addresses=*"

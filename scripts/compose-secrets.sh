#!/usr/bin/env bash
# Makes the secrets of docker-compose.yml, once: a file each, for its owner alone. What is there stays as it is.
#
#   compose-secrets.sh [FOLDER]     FOLDER: ./secrets beside docker-compose.yml; another one is written to .env, as
#                                   PORTCULLIS_SECRETS, unless that is set already
#
# Compose mounts such a file with the owner that it has here, and the gateway is not root: run by root, the script gives the
# files to the image's user; run by anybody else, it has the gateway run as that user (PORTCULLIS_USER in .env).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly FOLDER=${1:-secrets}
# As in the Dockerfile and in docker-compose.yml.
readonly IMAGE_USER=10001:10001

umask 077
mkdir -p "$FOLDER"
chmod 700 "$FOLDER"

random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }

# Made beside its name and renamed: a file with half a secret is never there.
keep() { # NAME: the secret is on standard input
  if [ -e "$FOLDER/$1" ]; then
    echo "$FOLDER/$1 is there, and stays"
    return
  fi
  cat >"$FOLDER/.$1.new"
  # An older bash goes on after a failed substitution in an argument; nobody shall run with an empty secret.
  [ -s "$FOLDER/.$1.new" ] || { echo "no randomness for $1" >&2; exit 1; }
  [ "$(id -u)" -ne 0 ] || chown "$IMAGE_USER" "$FOLDER/.$1.new"
  mv "$FOLDER/.$1.new" "$FOLDER/$1"
  echo "$FOLDER/$1 is made"
}

keep postgres_password < <(random)
# Of letters, digits, - and _ alone, so that it stands in an address as it is.
keep database_url < <(printf 'postgres://portcullis:%s@postgres/portcullis' "$(cat "$FOLDER/postgres_password")")
for name in master_key admin_token revocation_api_token metrics_token; do
  keep "$name" < <(random)
done

if [ "$(id -u)" -ne 0 ] && ! grep -qs '^PORTCULLIS_USER=' .env; then
  echo "PORTCULLIS_USER=$(id -u):$(id -g)" >>.env
  echo ".env has the gateway run as you"
fi
if [ $# -gt 0 ] && [ -z "${PORTCULLIS_SECRETS:-}" ] && ! grep -qs '^PORTCULLIS_SECRETS=' .env; then
  echo "PORTCULLIS_SECRETS=$FOLDER" >>.env
  echo ".env has compose look there"
fi
echo "Keep a copy of $FOLDER/master_key in another place than the backups of the database: without it these are worthless."

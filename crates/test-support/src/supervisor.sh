# Keeps one private Postgres for a process that holds the other end of this script's standard input.
# However that process dies, its end closes, `read` fails, and everything here is stopped and removed.
#
#   $1     the folder, made by the caller
#   $2     where initdb and pg_ctl are
#   $3...  the command that leaves root, or nothing
#
# Each line of input, `start PORT`, `stop` or `crash`, is answered by one line, `done` or `failed`.
folder=$1 programs=$2
shift 2

# A signal to the whole terminal or service is for the caller; its end is what ends this.
trap '' HUP INT TERM
cd "$folder" || exit 1
log=$folder/log

control() { "$@" -D "$folder/data" >>"$log" 2>&1 </dev/null; }

make() {
  [ ! -e "$folder/data" ] || return 0
  control "$@" "$programs/initdb" -A trust -U postgres -E UTF8 --no-locale --no-sync || return 1
  # A crash of the machine may cost these data: they are for tests.
  cat >>"$folder/data/postgresql.conf" <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
max_connections = 300
CONF
}

start() {
  port=$1
  shift
  make "$@" && control "$@" "$programs/pg_ctl" -o "-p $port" -w -t 60 start
}

# Fast, that is SIGINT: sessions are cut off.
stop() {
  [ ! -e "$folder/data/postmaster.pid" ] || control "$@" "$programs/pg_ctl" -m fast -w -t 60 stop
}

# Immediate, that is SIGQUIT: no shutdown, the next start recovers from the log.
crash() { control "$@" "$programs/pg_ctl" -m immediate -w -t 60 stop; }

while read -r command port; do
  case $command in
    start) start "$port" "$@" ;;
    stop) stop "$@" ;;
    crash) crash "$@" ;;
  esac
  if [ $? -eq 0 ]; then echo done; else echo failed; fi
done
stop "$@" || control "$@" "$programs/pg_ctl" -m immediate -w stop
cd /
rm -rf "$folder"

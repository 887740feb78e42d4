#!/usr/bin/env bash
# Does what the official image does with the variables that compose.yaml sets.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  install --directory --owner 999 --group 999 --mode 700 "$PGDATA"
  exec setpriv --reuid 999 --regid 999 --clear-groups bash "$0" "$@"
fi
user="${POSTGRES_USER:-postgres}"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?POSTGRES_PASSWORD is not set}"
  # shellcheck disable=SC2086 # several arguments in one variable, as in the official image
  initdb --pgdata="$PGDATA" --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --auth=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
  if [ "${POSTGRES_DB:-$user}" != postgres ]; then
    printf 'create database "%s"\n' "${POSTGRES_DB:-$user}" | postgres --single -D "$PGDATA" postgres >/dev/null
  fi
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp

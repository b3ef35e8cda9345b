#!/bin/sh
# What the official image's entry point does with the three variables that compose.yaml sets.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" >/tmp/password
  initdb -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  postgres -k /var/run/postgresql -c listen_addresses= &
  until pg_isready -q -h /var/run/postgresql; do sleep 0.1; done
  PGPASSWORD=$POSTGRES_PASSWORD psql -q -h /var/run/postgresql -U "$POSTGRES_USER" -d postgres \
    -c "CREATE DATABASE \"$POSTGRES_DB\""
  kill -INT $!
  wait $!
fi
exec postgres -k /var/run/postgresql -c listen_addresses='*'

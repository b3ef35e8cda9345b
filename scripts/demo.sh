#!/usr/bin/env bash
# demo.sh demo|up [sqlite|postgres]: a cluster on this machine (one coordinator, two workers, a gateway and, without an
# API key, the simulator; with postgres a server for the store, in a folder of its own), every port chosen by the
# kernel. `demo` runs two jobs in it and stops it; `up` leaves it running until Ctrl-C. The programs must be built. State
# and logs: build/demo/. Tests set MOA_BIN_DIR and MOA_DEMO_DIR to use others.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$root/scripts/common.sh"
bin=${MOA_BIN_DIR:-$root/build/release/bin}
run=${MOA_DEMO_DIR:-$root/build/demo}
mode=$1
store=${2:-sqlite}

names=()          # in the order of their start
declare -A pids=()
as_user=()        # options of setpriv for who may not run as root
postgres_folder=''

# start NAME PROGRAM ARGUMENT…: runs it in a session of its own, so that a terminal's Ctrl-C reaches this
# script only, which then stops the programs in order. Should this script be killed, they get SIGTERM.
start() {
  local name=$1 program=$2
  shift 2
  [[ $program == /* ]] || program=$bin/$program
  : >"$run/$name.log"
  setsid setpriv --pdeathsig TERM "${as_user[@]}" -- "$program" "$@" >"$run/$name.out" 2>"$run/$name.log" &
  names+=("$name")
  pids[$name]=$!
}

# address NAME KIND: waits for the line "KIND listening on HOST:PORT" of a program and prints the address.
address() {
  local name=$1 kind=$2 deadline=$((SECONDS + 20)) found
  while :; do
    found=$(sed -n "s/^$kind listening on //p" "$run/$name.log" | head -n 1)
    if [[ -n $found ]]; then
      printf '%s\n' "$found"
      return 0
    fi
    kill -0 "${pids[$name]}" 2>/dev/null || break
    ((SECONDS < deadline)) || break
    sleep 0.02
  done
  say "$name did not start; its last words:"
  tail -n 20 "$run/$name.log" >&2
  return 1
}

# Stops what was started, the clients of a program before it, and fails when one did not end well.
stop_all() {
  local status=0 code name deadline i
  for ((i = ${#names[@]} - 1; i >= 0; --i)); do
    name=${names[i]}
    kill -TERM "${pids[$name]}" 2>/dev/null || true
    deadline=$((SECONDS + 40))
    while kill -0 "${pids[$name]}" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.02; done
    kill -KILL "${pids[$name]}" 2>/dev/null || true
    code=0
    wait "${pids[$name]}" || code=$?
    if ((code != 0)); then
      say "$name ended with status $code; its last words:"
      tail -n 20 "$run/$name.log" >&2
      status=1
    fi
  done
  names=()
  return "$status"
}

finish() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  if ((${#names[@]})); then
    stop_all || status=1
    [[ -z $postgres_folder ]] || rm -rf "$postgres_folder"
    say "Everything is stopped."
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts a server with an empty database and sets store_url. Its folder is not in the project's, which the
# server's user may not be able to enter.
start_postgres() {
  local programs deadline=$((SECONDS + 20))
  programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  [[ -x $programs/postgres ]] || die "no PostgreSQL server in /usr/lib/postgresql: apt-get install postgresql"
  postgres_folder=$(mktemp -d /tmp/moa-postgres.XXXXXX)
  if ((EUID == 0)); then
    as_user=(--reuid=postgres --regid=postgres --clear-groups)
    chown postgres: "$postgres_folder"
  fi
  (cd "$postgres_folder" && setpriv "${as_user[@]}" -- "$programs/initdb" -D "$postgres_folder/data" -U moa \
    -A trust -E UTF8 --locale=C.UTF-8 >"$run/initdb.log" 2>&1) || die "initdb failed; see $run/initdb.log"
  cd "$postgres_folder"
  start postgres "$programs/postgres" -D "$postgres_folder/data" -k "$postgres_folder" -c listen_addresses=
  cd "$root"
  as_user=()
  until "$programs/pg_isready" -q -h "$postgres_folder"; do
    ((SECONDS < deadline)) || die "the PostgreSQL server did not start; see $run/postgres.log"
    sleep 0.02
  done
  store_url="postgres://moa@/postgres?host=$postgres_folder"
}

start_cluster() {
  rm -rf "$run"
  mkdir -p "$run"
  local upstream=${CEREBRAS_BASE_URL:-https://api.cerebras.ai} key=${CEREBRAS_API_KEY:-} started worker
  started=$(now)
  if [[ -n $key ]]; then
    say "CEREBRAS_API_KEY is set: the answers come from $upstream and cost tokens."
  else
    say "No CEREBRAS_API_KEY: the answers come from the simulator. They are made-up text at realistic speed"
    say "and say nothing about quality. With a key: CEREBRAS_API_KEY=… ./dev $mode"
    start simulator cerebras-sim --listen 127.0.0.1:0
    upstream=$(address simulator http)
    upstream=http://$upstream
    key=any-key-will-do
  fi
  local store_url=sqlite:$run/jobs.db
  [[ $store == sqlite ]] || start_postgres
  # Only the workers are given the key.
  unset CEREBRAS_API_KEY
  start coordinator moa-coordinator --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    --store "$store_url"
  MOA_COORDINATOR=$(address coordinator grpc)
  export MOA_COORDINATOR
  for worker in worker-1 worker-2; do
    CEREBRAS_API_KEY=$key start "$worker" moa-worker --coordinator "$MOA_COORDINATOR" \
      --base-url "$upstream" --slots 8 --metrics-listen 127.0.0.1:0
  done
  wait_for_workers 2
  start gateway moa-gateway --coordinator "$MOA_COORDINATOR" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
  gateway=http://$(address gateway http)
  say "One coordinator on $MOA_COORDINATOR, two workers and a gateway are up after $(since "$started")."
}

# Waits until so many workers have connected.
wait_for_workers() {
  local deadline=$((SECONDS + 20)) listed name
  until listed=$("$bin/moactl" workers -o json 2>"$run/moactl.log") &&
    (($(grep -o '"worker_id"' <<<"$listed" | wc -l) >= $1)); do
    for name in "${names[@]}"; do
      kill -0 "${pids[$name]}" 2>/dev/null || die "$name ended early: $(tail -n 5 "$run/$name.log")"
    done
    ((SECONDS < deadline)) || die "the workers did not connect; see $run/*.log"
    sleep 0.02
  done
}

# run_job TITLE ARGUMENT…: submits a job and shows its progress, its answer and where the time went.
failed=0
run_job() {
  printf '\n=== %s\n\n' "$1"
  "$bin/moactl" submit --watch "${@:2}" || {
    say "This job did not succeed (status $?)."
    failed=1
  }
}

start_cluster
"$bin/moactl" health
if [[ $mode == up ]]; then
  trap 'exit 0' INT TERM
  cat >&2 <<TEXT

The cluster runs until Ctrl-C. In a browser: $gateway
In another terminal:
  export MOA_COORDINATOR=$MOA_COORDINATOR
  build/release/bin/moactl submit --watch --preset moa --prompt "Why is the sky blue?"
  build/release/bin/moactl submit --watch -f docs/examples/workshop.yaml
  curl $gateway/v1/chat/completions -d '{"model": "moa", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'
  curl http://$(address coordinator metrics)/metrics
Logs: $run/*.log
TEXT
  wait -n "${pids[@]}" || true
  die "a program ended by itself; see $run/*.log"
fi
run_job "The workshop's job: three agents, two cycles, a main model" -f "$root/docs/examples/workshop.yaml"
run_job "The preset 'moa': four agents and an aggregator" --preset moa \
  --prompt "Plan an afternoon in San Francisco for two people who like books and hate queues."
echo
exit "$failed"

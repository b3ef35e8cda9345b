# Sourced by ./dev and by the scripts beside this file; needs $root. Messages for people go to stderr.

say() { printf '%s\n' "$*" >&2; }
die() { say "dev: $*"; exit 1; }
usage_error() { say "dev: $*"; exit 2; }

# Seconds since the epoch with milliseconds, and the time since such a moment as "12.3 s".
now() { date +%s.%3N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", b - a }'; }

# Parallel compilations: one a core, but no more than memory holds (a unity file takes up to 1.5 GB),
# whichever of the machine's and the container's limits is lower. MOA_JOBS overrides it.
jobs_count() {
  if [[ -n ${MOA_JOBS:-} ]]; then
    printf '%s\n' "$MOA_JOBS"
    return
  fi
  local kib limit
  kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
  if limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null) && [[ $limit =~ ^[0-9]+$ ]]; then
    ((limit / 1024 < kib)) && kib=$((limit / 1024))
  fi
  local by_memory=$((kib / 1572864)) by_cores
  by_cores=$(nproc)
  local jobs=$((by_memory < by_cores ? by_memory : by_cores))
  printf '%s\n' $((jobs > 0 ? jobs : 1))
}

# Sourced by ./dev and tidy.sh after common.sh: building and running the tests.

readonly presets=(release debug asan tsan clang)
readonly programs=(moa-coordinator moa-worker moa-gateway moactl cerebras-sim)

# Paths below $root are hashed relative to it, so that another clone of the same sources hits too.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

is_preset() {
  local preset
  for preset in "${presets[@]}"; do [[ $preset == "$1" ]] && return 0; done
  return 1
}

# g++ 12's ThreadSanitizer cannot map its memory where the kernel randomises addresses strongly, so its
# programs run (at build time too: they list their own tests) without randomisation where that is allowed.
plain_addresses() {
  if [[ $1 == tsan ]] && setarch "$(uname -m)" -R true 2>/dev/null; then
    setarch "$(uname -m)" -R "${@:2}"
  else
    "${@:2}"
  fi
}

# build_preset PRESET [TARGET…]: configures when that was never done or packages have come since, builds, and
# says how long it took. In a terminal ninja shows its progress on one line; elsewhere only the compilers'
# messages are printed.
build_preset() {
  local preset=$1 dir=$root/build/$1 started
  shift
  started=$(now)
  if [[ ! -f $dir/build.ninja || -n $packages_installed ]]; then
    say "Configuring $preset…"
    mkdir -p "$dir"
    if ! (cd "$root" && cmake --preset "$preset" >"$dir/configure.log" 2>&1); then
      cat "$dir/configure.log" >&2
      die "cmake failed for preset $preset"
    fi
  fi
  local -a ninja=(env "NINJA_STATUS=[%f/%t, %e s] " ninja -C "$dir" -j "$(jobs_count)")
  [[ -t 2 ]] || ninja+=(--quiet)
  plain_addresses "$preset" "${ninja[@]}" "$@" >&2 ||
    die "building $preset failed"
  say "Built $preset in $(since "$started")."
}

verb_build() {
  local preset=release
  if (($#)) && is_preset "$1"; then
    preset=$1
    shift
  fi
  [[ $preset != clang ]] || need_packages clang
  build_preset "$preset" "$@"
}

build_programs() { build_preset release "${programs[@]}"; }

# verb_test PRESET [LABEL…] [-R REGEX]: builds all of the preset and runs its tests. What passed is left out
# of the output (it is in build/PRESET/test.log); failures come with their output, and ctest's closing lines
# stand last. Exit status: ctest's.
verb_test() {
  local preset=$1 regex='' labels=''
  shift
  while (($#)); do
    case $1 in
      -R)
        (($# >= 2)) || usage_error "-R needs a regular expression"
        regex=$2
        shift
        ;;
      -*) usage_error "no option '$1'" ;;
      *) labels+=${labels:+|}"^$1\$" ;;
    esac
    shift
  done
  need_packages build test postgres chaos deploy
  build_preset "$preset"

  local -a ctest=(ctest --test-dir "$root/build/$preset" --parallel "$(jobs_count)"
    --output-on-failure --no-tests=error --timeout 300)
  [[ -z $labels ]] || ctest+=(-L "$labels")
  [[ -z $regex ]] || ctest+=(-R "$regex")
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
  local status=0 started
  started=$(now)
  plain_addresses "$preset" "${ctest[@]}" 2>&1 | tee "$root/build/$preset/test.log" |
    awk '!/^ +Start +[0-9]+: / && !/ Test +#[0-9]+: .* Passed / { print; fflush() }' || status=$?
  say "Tests of $preset took $(since "$started")."
  return "$status"
}

verb_sim() {
  build_preset release moa-sim
  exec "$root/build/release/tests/moa-sim" "$@"
}

# verb_bench [NAME…] [ARGUMENT…]: the benchmarks of those names in tests/bench, or all, each with the
# arguments. Everything below build/release/bench is a benchmark; a script tests/bench/run, where there is one, knows
# how to measure whole clusters and gets the arguments instead.
verb_bench() {
  if [[ -x $root/tests/bench/run ]]; then
    build_preset release
    exec "$root/tests/bench/run" "$@"
  fi
  local -a names=()
  while (($#)) && [[ $1 != -* ]]; do
    [[ -f $root/tests/bench/$1.cc ]] || usage_error "no benchmark '$1'"
    names+=("$1")
    shift
  done
  if ((${#names[@]})); then
    build_preset release moa-coordinator moa-worker moactl cerebras-sim "${names[@]}"
  else
    build_preset release moa_benchmarks
    local program
    for program in "$root"/build/release/bench/*; do
      [[ -f $program && -x $program ]] && names+=("${program##*/}")
    done
  fi
  ((${#names[@]})) || die "there are no benchmarks"
  local name
  for name in "${names[@]}"; do "$root/build/release/bench/$name" "$@"; done
}

verb_chaos() {
  build_preset release moa-coordinator moa-worker cerebras-sim moa-chaos
  exec "$root/build/release/tests/moa-chaos" "$@"
}

verb_clean() {
  local -a chosen=("$@")
  (($#)) || chosen=("${presets[@]}" demo)
  local name
  for name in "${chosen[@]}"; do
    is_preset "$name" || [[ $name == demo ]] || usage_error "no preset '$name'"
    rm -rf "${root:?}/build/$name"
  done
}

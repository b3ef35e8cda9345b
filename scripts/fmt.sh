#!/usr/bin/env bash
# fmt.sh [--check] [FILE…]: formats all C++ files of the repository (or those named), or says which are not.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$root/scripts/common.sh"

how=(-i)
if [[ ${1:-} == --check ]]; then
  how=(--dry-run -Werror)
  shift
fi
if (($#)); then
  files=("$@")
else
  mapfile -t files < <(cd "$root" && git ls-files -co --exclude-standard '*.h' '*.cc' |
    while read -r file; do [[ -f $file ]] && printf '%s\n' "$root/$file"; done)
fi
((${#files[@]})) || exit 0
printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "$(nproc)" clang-format "${how[@]}" ||
  die "not formatted as .clang-format says: run ./dev fmt"

#!/usr/bin/env bash
# tidy.sh [all | FILE…]: clang-tidy on the .cc files that changed since HEAD (also those whose header did),
# on all, or on those named; then the scan of includes, sizes and words.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
. "$root/scripts/common.sh"
. "$root/scripts/deps.sh"
. "$root/scripts/build.sh"
cd "$root"

changed_files() {
  { git diff --name-only HEAD -- '*.h' '*.cc'; git ls-files -o --exclude-standard '*.h' '*.cc'; } |
    sed 's/\.h$/.cc/' | sort -u | while read -r file; do [[ -f $file ]] && printf '%s\n' "$file"; done
}

if [[ ${1:-} == all ]]; then
  mapfile -t files < <(git ls-files '*.cc')
elif (($#)); then
  files=("$@")
else
  mapfile -t files < <(changed_files)
fi

status=0
if ((${#files[@]})); then
  # The clang preset has no unity files, so each source has its own entry in compile_commands.json. The
  # generated protocol headers must exist.
  build_preset clang moa_proto
  say "clang-tidy on ${#files[@]} files (8 to 15 s each)…"
  printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "$(jobs_count)" clang-tidy --quiet -p "$root/build/clang" 2>/dev/null || status=1
else
  say "No C++ file has changed since HEAD."
fi
python3 "$root/scripts/check_tree.py" "$root" || status=1
exit "$status"

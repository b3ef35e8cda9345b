# Sourced by ./dev: installs what packages.txt lists and the machine lacks.

# Prints the packages of the given groups that are missing, one a line. Takes some 20 ms.
missing_packages() {
  local groups=" $* " group entry package command
  local -a wanted=()
  while read -r group entry _; do
    [[ -n $group && $group != \#* && $groups == *" $group "* ]] || continue
    package=${entry%%/*} command=${entry#*/}
    if [[ $command != "$entry" ]] && type -P "$command" >/dev/null; then
      continue
    fi
    wanted+=("$package")
  done <"$root/scripts/packages.txt"
  ((${#wanted[@]})) || return 0
  # dpkg-query fails when it does not know a package; what it does know and has installed is subtracted.
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "${wanted[@]}" 2>/dev/null |
    sed -n 's/^ii *//p') || true
  for package in "${wanted[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'"$package"$'\n'* ]] || printf '%s\n' "$package"
  done
}

# Set once packages have been installed: what CMake did not find before may be there now.
packages_installed=''

# need_packages GROUP…: installs what is missing, says what and why; silent when nothing is.
need_packages() {
  type -P dpkg-query >/dev/null && type -P apt-get >/dev/null ||
    die "this is not Debian: install the packages listed in scripts/packages.txt by other means," \
      "or use a Debian 12 machine or container"
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0

  local version=''
  [[ -r /etc/os-release ]] && version=$(. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")
  [[ $version == "debian 12" ]] ||
    say "note: made for Debian 12, this is ${version:-unknown}; its packages may be too old or too new"
  say "Installing ${#missing[@]} of Debian's packages that are missing:"
  local package
  for package in "${missing[@]}"; do
    awk -v p="$package" '$2 == p || index($2, p "/") == 1 {
      $1 = ""; name = $2; $2 = ""; sub(/^ +/, ""); sub(/\/.*/, "", name)
      printf "  %-24s %s\n", name, $0 }' "$root/scripts/packages.txt" >&2
  done

  local -a as_root=()
  if ((EUID != 0)); then
    type -P sudo >/dev/null ||
      die "neither root nor sudo here; as root run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  local log=$root/build/install.log started
  started=$(now)
  mkdir -p "$root/build"
  as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
  if ! "${as_root[@]}" update >"$log" 2>&1 ||
    ! "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "apt-get failed (all of its output: build/install.log)"
  fi
  packages_installed=yes
  say "Installed in $(since "$started")."
}

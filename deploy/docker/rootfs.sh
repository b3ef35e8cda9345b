#!/bin/bash
# rootfs.sh PROGRAM VERSION [NAME PACKAGE…]: makes /images/NAME (the program's name unless told), the root of an image
# that holds the program and all that it loads:
#   - the program and its shared libraries, as ldd finds them
#   - the packages, but for documentation and settings, with the shared libraries of what is in them. Python's modules
#     are compiled: on a read-only root nobody could do so later, and would do so again for each program
#   - the roots of trust for TLS, the user, how names are resolved
#   - for scanners, the records of the packages that the files are from (/var/lib/dpkg/status.d, as distroless images
#     have them) with their licences, and a bill of materials (/usr/share/sbom/NAME.spdx.json)
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
program=$1 version=$2
name=${3:-${program##*/}}
root=/images/$name
rm -rf "$root"
mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/lib,usr/lib64,var/lib/dpkg/status.d,usr/share/sbom} /images/state/moa
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
ln -s usr/bin "$root/bin"
mkdir -m 1777 "$root/tmp"

# take PATH [PACKAGE]: copies a file of this system to the same place (links in it followed) and notes its package.
declare -A packages=()
take() {
  local path real owner
  path=$(readlink -f "$(dirname "$1")")/${1##*/}
  real=$(readlink -f "$path")
  install -D -m "$(stat -c %a "$real")" "$real" "$root$path"
  owner=${2:-}
  # Where /lib is a link to /usr/lib, packages still name the former.
  [[ -n $owner ]] || owner=$(dpkg-query -S "$real" "${real#/usr}" 2>/dev/null | sed -n 's/: .*//p' | head -n 1) || true
  [[ -n $owner ]] || { echo "no package has $real" >&2; return 1; }
  packages[${owner%%,*}]=1
}

# take_libraries FILE…: what the files load.
take_libraries() {
  local libraries path
  libraries=$(ldd "$@")
  if grep 'not found' <<<"$libraries" >&2; then return 1; fi
  # Of several files it also prints the names.
  while read -r path; do take "$path"; done < <(sed -n 's|^.*\s\(/[^ ]*\) (0x.*|\1|p' <<<"$libraries" | sort -u)
}

# take_package PACKAGE
take_package() {
  local path name
  local -a objects=()
  name=$(dpkg-query -W -f='${binary:Package}' "$1")
  while read -r path; do
    [[ -f $path && $path == /usr/* && $path != /usr/share/* && $path != /usr/lib/binfmt.d/* ]] || continue
    take "$path" "$name"
    case $path in
      *.py) chmod a-x "$root$path" ;;
      *.so | /usr/bin/*) objects+=("$path") ;;
    esac
  done < <(dpkg-query -L "$1")
  ((!${#objects[@]})) || take_libraries "${objects[@]}"
}

install -m 755 "$program" "$root/usr/bin/"
take_libraries "$program"
for package in "${@:4}"; do take_package "$package"; done
for python in "$root"/usr/bin/python3.*; do
  [[ -e $python ]] || continue
  "${python#"$root"}" -I -S -B -m compileall -q -s "$root" --invalidation-mode unchecked-hash \
    "$root/usr/lib/${python##*/}"
done
take /usr/lib/os-release
ln -s ../usr/lib/os-release "$root/etc/os-release"
take /etc/ssl/openssl.cnf
# Made by ca-certificates from its files when it is installed.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
packages[ca-certificates]=1
printf 'root:x:0:0::/:/sbin/nologin\nmoa:x:10001:10001::/var/lib/moa:/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nmoa:x:10001:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
ldconfig -r "$root"

mapfile -t sorted < <(printf '%s\n' "${!packages[@]}" | sort)
for package in "${sorted[@]}"; do
  short=${package%%:*}
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$short"
  copyright=/usr/share/doc/$short/copyright
  [[ ! -e $copyright ]] || install -D -m 644 "$(readlink -f "$copyright")" "$root$copyright"
done
"$here/sbom.sh" "$name" "$version" "$root/usr/bin/${program##*/}" "${sorted[@]}" >"$root/usr/share/sbom/$name.spdx.json"

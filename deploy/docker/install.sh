#!/bin/sh
# install.sh libraries|tools [PACKAGE…]: installs Debian's packages of the group `build` in scripts/packages.txt: the
# libraries, or all; and the packages that are named.
set -eu
packages=$(awk '$1 == "build" { sub(/\/.*/, "", $2); print $2 }' "$(dirname "$0")/packages.txt")
[ "$1" != libraries ] || packages=$(printf '%s\n' "$packages" | grep -E -- '-dev$|^ca-certificates$')
shift
packages="$packages $*"
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $packages >/var/log/install.log 2>&1 || {
  tail -n 20 /var/log/install.log >&2
  exit 1
}
rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/install.log

#!/bin/sh
# Makes build/trixie, a Debian 13 root with Python 3.13 and nothing else of note (270 MB, a minute),
# by debootstrap. The base image and the second stack's tests start from it; it is never run itself.
# Needs root. Safe to cut off: the next call starts it anew.
#
#   MIRROR=http://my.mirror/debian scripts/trixie_root.sh    takes the packages from there
set -eu
cd "$(dirname "$0")/.."

root=build/trixie
die() { printf '%s\n' "trixie: $*" >&2; exit 2; }

[ ! -e "$root.complete" ] || exit 0
[ "$(id -u)" = 0 ] || die "debootstrap needs root."
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
# debootstrap unmounts what it mounts, unless it is killed: never delete through such a mount.
if grep -q " $PWD/$root/" /proc/mounts; then
    die "something is mounted below $root: unmount it first."
fi
printf '%s\n' "trixie: making $root (log: $root.log)"
mkdir -p build
rm -rf "$root"
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
    trixie "$root" ${MIRROR:+"$MIRROR"} >"$root.log" 2>&1 || die "debootstrap failed: see $root.log"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
# This machine's own: whoever runs the root brings theirs.
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
touch "$root.complete"

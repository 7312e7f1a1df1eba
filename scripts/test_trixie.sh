#!/bin/sh
# Runs `make lint` and the tests on the second stack (Python 3.13, TFX 1.21) in a Debian 13 root, by
# chroot, on a copy of this checkout. The first time takes about ten minutes; the root and what is
# installed in it stay in build/trixie-tests (5 GB). Needs root.
#
#   scripts/test_trixie.sh [arguments of pytest]
#
# /proc and /dev are mounted in a mount namespace of their own, which ends with this script however
# it ends: on the machine itself nothing is ever mounted, so nothing can be deleted through a mount.
set -eu
cd "$(dirname "$0")/.."

root=$PWD/build/trixie-tests
project=$root/project
packages="g++ git make python3-dev python3-pip"  # one small dependency comes as source only
die() { printf '%s\n' "test-trixie: $*" >&2; exit 2; }

if [ -z "${IN_NAMESPACE:-}" ]; then
    [ "$(id -u)" = 0 ] || die "chroot needs root."
    IN_NAMESPACE=1 exec unshare --mount --propagation private -- scripts/test_trixie.sh "$@"
fi
unset IN_NAMESPACE

# Makes a file of this machine visible in the root: its name servers and, if it has them, its
# certificates and the settings of pip and uv.
lend_file() {
    [ -f "$1" ] || return 0
    mkdir -p "$root$(dirname "$1")"
    [ -e "$root$1" ] || : >"$root$1"
    mount --bind "$(readlink -f "$1")" "$root$1"
}

in_root() {
    chroot "$root" env HOME=/root TMPDIR=/tmp DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

if [ ! -e "$root.complete" ]; then
    scripts/trixie_root.sh
    rm -rf "$root"
    cp -a build/trixie "$root"
fi
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
lend_file /etc/resolv.conf
lend_file /etc/pip.conf
lend_file /etc/uv/uv.toml
lend_file "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
if [ ! -e "$root.complete" ]; then
    log=$root.log
    # shellcheck disable=SC2086
    { in_root apt-get update && in_root apt-get install -y --no-install-recommends $packages; } \
        >"$log" 2>&1 || die "installing $packages failed: see $log"
    touch "$root.complete"
fi

mkdir -p "$project"
find "$project" -mindepth 1 -maxdepth 1 ! -name .venv ! -name build -exec rm -rf {} +
tar --create --exclude-vcs --exclude=./.venv --exclude=./build --exclude=./runs \
    --exclude=__pycache__ --exclude='.*_cache' --exclude=.hypothesis --exclude='*.egg-info' . |
    tar --extract --directory "$project"
in_root make --silent -C /project setup lint
in_root sh -c 'cd /project && exec .venv/bin/python -m pytest "$@"' pytest "$@"

#!/bin/sh
# Makes .venv complete: the locked, hashed requirements of the stack that fits this machine, and
# this project itself. Needs Python and pip, nothing else. Safe to cut off: the next call finishes.
#
#   PYTHON=/path/to/python scripts/setup.sh    uses that interpreter
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*"; }
die() { printf '%s\n' "setup: $*" >&2; exit 2; }

# Prints "3.11" for an interpreter that runs and has venv and pip, nothing otherwise.
python_version() {
    "$1" -c 'import sys, venv, pip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

# True where the C library is glibc 2.39 or newer: TFX 1.21's native wheels need it.
has_new_glibc() {
    version=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //')
    [ -n "$version" ] && [ "$(printf '%s\n' 2.39 "$version" | sort -V | head -n 1)" = 2.39 ]
}

# Prints the first interpreter on PATH that runs and is of the given version.
find_version() {
    for candidate in "python$1" python3 python; do
        if [ "$(python_version "$candidate")" = "$1" ]; then
            command -v "$candidate"
            return
        fi
    done
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        version=$(python_version "$PYTHON")
        case $version in
            3.11) ;;
            3.12 | 3.13) has_new_glibc || die "PYTHON=$PYTHON is $version, whose stack needs glibc 2.39 or newer (Debian 13, Ubuntu 24.04). Use Python 3.11 here." ;;
            "") die "PYTHON=$PYTHON does not run, or has no venv or pip." ;;
            *) die "PYTHON=$PYTHON is $version. Needed: 3.11, or 3.12 or 3.13 with glibc 2.39 or newer." ;;
        esac
        printf '%s\n' "$PYTHON"
        return
    fi
    python=$(find_version 3.11)
    if [ -z "$python" ] && has_new_glibc; then
        python=$(find_version 3.12)
        [ -n "$python" ] || python=$(find_version 3.13)
    fi
    [ -n "$python" ] || die "no usable Python found. Needed: Python 3.11 with pip, or 3.12 or 3.13 where glibc is 2.39 or newer. Install one, or name it with PYTHON=/path/to/python."
    printf '%s\n' "$python"
}

python=$(find_python)
version=$(python_version "$python")
if [ -e .venv ] && [ "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$version" ]; then
    say "removing a .venv that is broken or of another Python"
    rm -rf .venv
fi
is_complete=yes
for input in requirements.lock pyproject.toml scripts/setup.sh; do
    [ .venv/.complete -nt "$input" ] || is_complete=no
done
[ "$is_complete" = no ] || exit 0
if [ ! -e .venv ]; then
    say "making .venv with Python $version ($python)"
    "$python" -m venv --without-pip .venv
fi

uv_version=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)
if [ "$(.venv/bin/uv --version 2>/dev/null | cut -d ' ' -f 2)" != "$uv_version" ]; then
    say "installing uv $uv_version"
    "$python" -m pip --python .venv --quiet --disable-pip-version-check install "uv==$uv_version"
fi

export VIRTUAL_ENV="$PWD/.venv"
say "installing the locked requirements and compiling their bytecode (minutes, once)"
.venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
touch .venv/.complete
say "done: .venv ($(.venv/bin/python --version))"

#!/bin/sh
# Compiles the locks anew, hashed and for both stacks: requirements.lock from pyproject.toml, and the
# images' alternatives to its tensorflow, at the same versions: docker/tensorflow-cpu.lock (a third of
# the size) and docker/tensorflow-cuda.lock (with NVIDIA's libraries).
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
        --no-emit-index-url --custom-compile-command "make lock" "$@"
}

compile --extra demo --extra dev --extra export --extra serve --output-file requirements.lock pyproject.toml
# "tensorflow==2.16.2 ; python_full_version < '3.12'", one line a stack.
pins=$(sed -n 's/^\(tensorflow==.*[^ ]\) *\\$/\1/p' requirements.lock)
printf '%s\n' "$pins" | sed 's/^tensorflow==/tensorflow-cpu==/' |
    compile --no-deps --no-annotate --output-file docker/tensorflow-cpu.lock -
printf '%s\n' "$pins" | sed 's/^tensorflow==/tensorflow[and-cuda]==/' |
    compile --constraint requirements.lock --output-file docker/tensorflow-cuda.lock -

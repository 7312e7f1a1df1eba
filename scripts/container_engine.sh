#!/bin/sh
# Prints the container engine of this machine: docker if its daemon answers, else podman. ENGINE= in
# the environment goes first.
set -eu

if [ -n "${ENGINE:-}" ]; then
    printf '%s\n' "$ENGINE"
elif docker info >/dev/null 2>&1; then
    echo docker
elif podman --version >/dev/null 2>&1; then
    echo podman
else
    echo "images: neither docker (with its daemon running) nor podman is here." >&2
    exit 2
fi

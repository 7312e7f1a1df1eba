#!/bin/sh
# Builds localhost/trixie-python, a base for docker/Dockerfile made of Debian's packages alone (Debian
# 13, Python 3.13), for places where no registry of images can be reached. Needs root and debootstrap.
#
#   scripts/base_image.sh && make images BASE_IMAGE=localhost/trixie-python
set -eu
cd "$(dirname "$0")/.."

engine=$(scripts/container_engine.sh)
scripts/trixie_root.sh
tar --create --numeric-owner --one-file-system --directory build/trixie \
    --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' . |
    "$engine" import --change 'CMD ["python3"]' - localhost/trixie-python:latest

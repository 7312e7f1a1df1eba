#!/bin/sh
# Builds the images of docker/Dockerfile with docker or podman, and prints their sizes and how long
# it took.
#
#   scripts/build_images.sh [cpu] [training]    both, unless named
#
# From the environment:
#   BASE_IMAGE   any local or remote image with Python (default: the Dockerfile's)
#   TENSORFLOW   cpu (default) or cuda: what the training image has
#   IMAGE        name of the images (default arcface-pipeline); the training one ends in -training
#   TAG          their tag (default: the project's version)
#   BUILD_FLAGS  more flags for the build, such as --network host
# The build sees, and the images do not hold, the certificates of SSL_CERT_FILE, the pip.conf of
# PIP_CONFIG_FILE and the uv.toml of UV_CONFIG_FILE.
set -eu
cd "$(dirname "$0")/.."

engine=$(scripts/container_engine.sh)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
image=${IMAGE:-arcface-pipeline}
tag=${TAG:-$version}
tensorflow=${TENSORFLOW:-cpu}
case $tensorflow in
    cpu | cuda) ;;
    *) printf '%s\n' "images: TENSORFLOW must be cpu or cuda. Received: $tensorflow" >&2; exit 2 ;;
esac

# build TARGET NAME TENSORFLOW
build() {
    started=$(date +%s)
    set -- "$1" "$2" --build-arg "TENSORFLOW=$3" --build-arg "VERSION=$version" \
        --build-arg "REVISION=$revision"
    target=$1 name=$2
    shift 2
    [ -z "${BASE_IMAGE:-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE"
    [ ! -s "${SSL_CERT_FILE:-}" ] || set -- "$@" --secret "id=ca,src=$SSL_CERT_FILE"
    [ ! -s "${PIP_CONFIG_FILE:-}" ] || set -- "$@" --secret "id=pip,src=$PIP_CONFIG_FILE"
    [ ! -s "${UV_CONFIG_FILE:-}" ] || set -- "$@" --secret "id=uv,src=$UV_CONFIG_FILE"
    # shellcheck disable=SC2086
    "$engine" build --file docker/Dockerfile --target "$target" --tag "$name" "$@" \
        ${BUILD_FLAGS:-} .
    bytes=$("$engine" image inspect --format '{{.Size}}' "$name")
    printf 'images: %s: %d MB, built in %d s\n' \
        "$name" $((bytes / 1000000)) $(($(date +%s) - started))
}

[ $# -gt 0 ] || set -- cpu training
for target in "$@"; do
    case $target in
        cpu) build cpu "$image:$tag" cpu ;;
        training) build training "$image-training:$tag" "$tensorflow" ;;
        *) printf '%s\n' "images: no image is called $target: cpu, training." >&2; exit 2 ;;
    esac
done

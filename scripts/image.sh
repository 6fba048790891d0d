#!/bin/sh
# Builds the image with docker, podman or buildah, whichever is there.
#
#     scripts/image.sh                       hvmap: models are mounted at /models
#     scripts/image.sh NAME FOLDER           hvmap-NAME: FOLDER's models inside, NAME is served
#     GPU=1 scripts/image.sh …               with the ONNX Runtime that knows CUDA, without GDAL
#
# FOLDER holds NAME/1/model.onnx. ENGINE names the program that builds, BUILD_IMAGE and BASE_IMAGE
# the images it starts from, IMAGE_FLAGS further flags for it.
set -eu

cd "$(dirname "$0")/.."
name=${1:-}
models=${2:-}

if [ -n "$name$models" ]; then
    if [ -z "$name" ] || [ -z "$models" ]; then
        echo "got a NAME or a folder of MODELS, expected both or neither" >&2
        exit 2
    fi
    if ! ls "$models/$name"/*/*.onnx >/dev/null 2>&1; then
        echo "$models/$name holds no version with an .onnx file, expected $models/$name/1/model.onnx" >&2
        exit 2
    fi
fi

engine=${ENGINE:-}
if [ -z "$engine" ]; then
    for candidate in docker podman buildah; do
        if command -v "$candidate" >/dev/null; then
            engine=$candidate
            break
        fi
    done
fi
if [ -z "$engine" ]; then
    echo "no docker, podman or buildah here; on Debian: apt-get install buildah" >&2
    exit 2
fi

# Images in OCI's own format have no health check.
case $engine in
docker) format= ;;
*) format='--format docker' ;;
esac

# build TAG FOLDER FLAG…
build() {
    tag=$1
    folder=$2
    shift 2
    # $format and $IMAGE_FLAGS are lists of words.
    # shellcheck disable=SC2086
    "$engine" build $format ${IMAGE_FLAGS:-} -t "$tag" "$@" "$folder"
}

set --
image=hvmap
if [ "${GPU:-}" = 1 ]; then
    image=hvmap-gpu
    # That image is Ubuntu's, whose GDAL is another version than the one built with.
    set -- "$@" --build-arg ORT=gpu \
        --build-arg 'FEATURES=--no-default-features --features bundled-sqlite' \
        --build-arg PACKAGES=ca-certificates
    : "${BASE_IMAGE:=docker.io/nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04}"
fi
[ -z "${BUILD_IMAGE:-}" ] || set -- "$@" --build-arg "BUILD_IMAGE=$BUILD_IMAGE"
[ -z "${BASE_IMAGE:-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE"
build "$image" . "$@"
[ -n "$name" ] || exit 0

# A second, small image on top: the first one is kept from one model to the next.
recipe=$(mktemp)
trap 'rm -f "$recipe"' EXIT
cat >"$recipe" <<EOF
FROM $image
COPY . /models/
ENV MODEL_NAME=$name
EOF
# buildah and podman look for it among images of their own.
case $engine in
docker) ;;
*) sed -i "s|^FROM |FROM localhost/|" "$recipe" ;;
esac
build "$image-$(printf %s "$name" | tr '[:upper:]' '[:lower:]')" "$models" -f "$recipe"

#!/bin/sh
# Takes ONNX Runtime's shared libraries out of their pinned Python wheel and puts them where the
# program looks for them.
#
#     scripts/onnxruntime.sh cpu|gpu|openvino|same FOLDER…
#
# "same" is whichever of cpu and gpu was asked for last, cpu at first, so that building the program
# again does not take its GPU away. OpenVINO's goes into folders of its own.
#
# The wheel is checked against scripts/onnxruntime-*.txt by pip, which refuses any other bytes, and
# kept unpacked in .ort/, so that it is fetched once. Python itself is needed for nothing else.
set -eu

variant=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
last="$here/../.ort/variant"
if [ "$variant" = same ]; then
    variant=$(cat "$last" 2>/dev/null || echo cpu)
fi
pins="$here/onnxruntime-$variant.txt"
machine=$(uname -m)
# A changed pin is another store, so that an old library never answers for a new one.
store="$here/../.ort/$variant-$machine-$(cksum <"$pins" | cut -d ' ' -f 1)"

if [ "$variant" = openvino ] && [ "$machine" != x86_64 ]; then
    echo "error: ONNX Runtime with OpenVINO is published for x86_64, this machine is $machine" >&2
    exit 2
fi

if [ ! -e "$store/complete" ]; then
    echo "fetching ONNX Runtime ($variant, $machine)" >&2
    rm -rf "$store"
    mkdir -p "$store/wheel"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --require-hashes --requirement "$pins" --dest "$store/wheel" --implementation cp \
        --python-version 3.11 --platform "manylinux_2_27_$machine" \
        --platform "manylinux_2_28_$machine"
    unzip -q -j "$store"/wheel/*.whl 'onnxruntime/capi/libonnxruntime*' -d "$store"
    if [ "$variant" = openvino ]; then
        # Each library under the one name by which the others ask for it, and none for Intel's GPUs.
        unzip -q -j "$store"/wheel/*.whl 'onnxruntime/capi/libopenvino*.so.[0-9][0-9][0-9][0-9]' \
            'onnxruntime/capi/libopenvino_intel_cpu_plugin.so' 'onnxruntime/capi/libtbb.so.12' \
            -x 'onnxruntime/capi/libopenvino_c.so*' -d "$store"
    fi
    rm -r "$store/wheel"
    touch "$store/complete"
fi

[ "$variant" = openvino ] || echo "$variant" >"$last"

for folder in "$@"; do
    mkdir -p "$folder"
    # Libraries of another version or variant would be found as well as these.
    for old in "$folder"/libonnxruntime* "$folder"/libopenvino* "$folder"/libtbb*; do
        [ ! -e "$old" ] || cmp -s "$old" "$store/$(basename "$old")" || rm -f "$old"
    done
    for library in "$store"/lib*; do
        target="$folder/$(basename "$library")"
        [ ! -e "$target" ] || continue
        # A second name where the file system allows it: the GPU's libraries are large. Moved into
        # place, so that nobody ever opens half a file.
        ln -f "$library" "$target.new" 2>/dev/null || cp "$library" "$target.new"
        mv "$target.new" "$target"
    done
done

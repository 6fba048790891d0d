#!/bin/sh
# Takes ONNX Runtime's shared libraries out of their pinned Python wheel and puts them where the
# program looks for them.
#
#     scripts/onnxruntime.sh cpu|gpu|same FOLDER…
#
# "same" is the variant that was asked for last, cpu at first, so that building the program again
# does not take its GPU away.
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

if [ ! -e "$store/complete" ]; then
    echo "fetching ONNX Runtime ($variant, $machine)" >&2
    rm -rf "$store"
    mkdir -p "$store/wheel"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --require-hashes --requirement "$pins" --dest "$store/wheel" --implementation cp \
        --python-version 3.11 --platform "manylinux_2_27_$machine" \
        --platform "manylinux_2_28_$machine"
    unzip -q -j "$store"/wheel/*.whl 'onnxruntime/capi/libonnxruntime*' -d "$store"
    rm -r "$store/wheel"
    touch "$store/complete"
fi

echo "$variant" >"$last"

for folder in "$@"; do
    mkdir -p "$folder"
    # Libraries of another version or variant would be found as well as these.
    for old in "$folder"/libonnxruntime*; do
        [ ! -e "$old" ] || cmp -s "$old" "$store/$(basename "$old")" || rm -f "$old"
    done
    for library in "$store"/libonnxruntime*; do
        target="$folder/$(basename "$library")"
        [ ! -e "$target" ] || continue
        # A second name where the file system allows it: the GPU's libraries are large. Moved into
        # place, so that nobody ever opens half a file.
        ln -f "$library" "$target.new" 2>/dev/null || cp "$library" "$target.new"
        mv "$target.new" "$target"
    done
done

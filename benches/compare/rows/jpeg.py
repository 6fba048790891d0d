"""JPEG decoders, one core, and the difference they make to the demo model's scores."""

from __future__ import annotations

import sys

from harness import CONTENDERS, RELEASE, ROOT, WORK, Comparison, Row, program, share
from inputs import TILES, call, files, labelled, made

ZUNE = "zune-jpeg in hvmap"
SAMPLE = share(1000)


def contenders():
    files(1)
    sample = made(WORK / f"jpeg-{SAMPLE}", lambda folder: spread(folder))
    example = RELEASE / "examples" / "decode_speed"
    pixels = WORK / "zune.rgb"
    script = CONTENDERS / "decode.py"
    model = ROOT / "data" / "models" / "demo.onnx"
    return [
        program(ZUNE, example, sample, pixels, shown=f"cargo run --release --example decode_speed -- target/bench/jpeg-{SAMPLE}"),
        program("libjpeg-turbo", sys.executable, script, "turbojpeg", sample, pixels, model),
        program("Pillow", sys.executable, script, "pillow", sample, pixels, model),
    ]  # fmt: skip


def spread(folder):
    """Every fourth tile, so that decoded pixels fit into memory."""
    folder.mkdir()
    for path in sorted(labelled().glob("*/*.jpg"), key=lambda path: path.name)[:: TILES // SAMPLE]:
        (folder / path.name).write_bytes(path.read_bytes())


ROW = Row(
    name="jpeg",
    title="JPEG decoders, on one core",
    contenders=contenders,
    comparisons=[Comparison(ZUNE, "libjpeg-turbo"), Comparison(ZUNE, "Pillow")],
    note="Payloads in memory, decoded into RGB one after the other. hvmap's is strict: it walks the "
    "segments first and refuses what was cut short, where the others fill up with grey or warn. The "
    "score difference is the largest that the decoder's pixels make on the demo model against "
    "zune-jpeg's, over 1,000 tiles; pixels differ by rounding in the inverse transform and in the "
    "conversion of colours.",
    packages=("PyTurboJPEG", "pillow", "onnxruntime"),
    figures={
        "tiles_per_s": "tiles/s",
        "score_difference_max": "score difference",
        "pixel_difference_max": "pixel difference, most",
        "pixel_difference_mean": "mean",
    },
)

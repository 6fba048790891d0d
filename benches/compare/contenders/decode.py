"""How many tiles a second a decoder does on one core, and what its pixels make of scores.

    decode.py turbojpeg|pillow FOLDER PIXELS MODEL.onnx

PIXELS holds those of another decoder for the same files in order of their paths.
"""

import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SECONDS = 3
BATCH = 8


def decoder(name: str):
    if name == "pillow":
        return lambda payload: np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
    from turbojpeg import TJPF_RGB, TurboJPEG

    turbo = TurboJPEG()
    return lambda payload: turbo.decode(payload, pixel_format=TJPF_RGB)


def main(name: str, folder: str, pixels: str, model: str) -> None:
    # A figure of one core.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    decode = decoder(name)
    payloads = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jpg"))]
    start = time.perf_counter()
    tiles = 0
    while time.perf_counter() - start < SECONDS:
        for payload in payloads:
            decode(payload)
        tiles += len(payloads)
    rate = tiles / (time.perf_counter() - start)

    other = np.memmap(pixels, np.uint8, "r").reshape(-1, 256, 256, 3)
    assert len(other) == len(payloads)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    scores, most, total = 0.0, 0, 0.0
    for first in range(0, len(payloads), BATCH):
        mine = np.stack([decode(payload) for payload in payloads[first : first + BATCH]])
        theirs = np.ascontiguousarray(other[first : first + BATCH])
        difference = np.abs(mine.astype(int) - theirs)
        most, total = max(most, int(difference.max())), total + difference.sum()
        answers = [session.run(["scores"], {"image": batch})[0] for batch in (mine, theirs)]
        scores = max(scores, float(np.abs(answers[0] - answers[1]).max()))
    print(json.dumps({
        "tiles_per_s": rate,
        "score_difference_max": scores,
        "pixel_difference_max": most,
        "pixel_difference_mean": total / other.size,
    }))  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])

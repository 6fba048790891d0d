"""JPEG files through Pillow into OpenVINO, as its guide to throughput has it.

    openvino_run.py MODEL.onnx fp32|bf16|int8 TILES
"""

import json
import sys
import time

import numpy as np
import openvino as ov
from feed import batches

BATCH = 4


def main(file: str, precision: str, tiles: int) -> None:
    core = ov.Core()
    model = core.read_model(file)
    model.reshape({0: [BATCH, 256, 256, 3]})
    # Of an int8 package the layers left in float stay fp32.
    hints = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    compiled = core.compile_model(model, "CPU", hints)
    scores = np.zeros((tiles, 2), np.float32)

    def keep(request: ov.InferRequest, first: int) -> None:
        scores[first : first + BATCH] = request.get_output_tensor(0).data

    queue = ov.AsyncInferQueue(compiled)
    queue.set_callback(keep)
    for batch in batches(BATCH * len(queue), BATCH):
        queue.start_async({0: batch}, 0)
    queue.wait_all()
    start = time.perf_counter()
    for number, batch in enumerate(batches(tiles, BATCH)):
        queue.start_async({0: batch}, number * BATCH)
    queue.wait_all()
    elapsed_s = time.perf_counter() - start
    assert np.allclose(scores.sum(1), 1, atol=0.02), "probabilities of two classes"
    print(json.dumps({"tiles_per_s": tiles / elapsed_s, "elapsed_s": elapsed_s}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""JPEG files through Pillow into ONNX Runtime.

    onnxruntime_run.py MODEL.onnx TILES BATCH PROCESSES
"""

import json
import multiprocessing
import sys
import time

import numpy as np
import onnxruntime
from feed import batches, decoded
from inputs import files


def session(model: str, processes: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    if processes > 1:
        options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def classify(opened: onnxruntime.InferenceSession, images) -> int:
    return sum(len(opened.run(["scores"], {"image": batch})[0]) for batch in images)


def alone(model: str, tiles: int, batch: int) -> float:
    opened = session(model, 1)
    classify(opened, batches(batch, batch))
    start = time.perf_counter()
    assert classify(opened, batches(tiles, batch)) == tiles
    return time.perf_counter() - start


def share(model: str, paths, batch: int, processes: int, ready) -> None:
    opened = session(model, processes)
    classify(opened, batches(batch, batch))
    ready.wait()
    groups = (paths[first : first + batch] for first in range(0, len(paths), batch))
    classify(opened, (np.stack([decoded(path) for path in group]) for group in groups))


def together(model: str, tiles: int, batch: int, processes: int) -> float:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    paths = files(tiles)
    workers = [
        context.Process(target=share, args=(model, paths[number::processes], batch, processes, ready))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
    return time.perf_counter() - start


def main(model: str, tiles: int, batch: int, processes: int) -> None:
    if processes == 1:
        elapsed_s = alone(model, tiles, batch)
    else:
        elapsed_s = together(model, tiles, batch, processes)
    print(json.dumps({"tiles_per_s": tiles / elapsed_s, "elapsed_s": elapsed_s}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

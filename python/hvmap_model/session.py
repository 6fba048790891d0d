"""Scores from an ONNX file of the contract, through ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from .contract import ATTRIBUTION, IMAGE, SCORES

BATCH_SIZE = 8


def open_session(
    model: Path | bytes, threads: int = 1, exact_bytes: bool = False, optimised: bool = True
) -> onnxruntime.InferenceSession:
    """Opens a file, or a model's bytes. One thread a session, as hvmap runs them.

    `exact_bytes` asks for ONNX Runtime's precise mode, in which sums of u8×s8 products do not
    saturate on x86 without VNNI.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if exact_bytes:
        options.add_session_config_entry("session.x64quantprecision", "1")
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def any_session(model: bytes) -> onnxruntime.InferenceSession:
    """Opens a model that is not of the contract, on all cores: for the original's answers."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(
    session: onnxruntime.InferenceSession, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Scores `[n, classes]` and, where the model has it, attribution `[n, h, w]` of uint8 tiles."""
    names = [output.name for output in session.get_outputs()]
    wanted = [name for name in (SCORES, ATTRIBUTION) if name in names]
    starts = range(0, len(images), BATCH_SIZE)
    parts = [session.run(wanted, {IMAGE: images[at : at + BATCH_SIZE]}) for at in starts]
    joined = [np.concatenate(part) for part in zip(*parts)]
    return joined[0], joined[1] if len(joined) > 1 else None


def run_batches(
    model: Path, batches: Iterable[np.ndarray], workers: int = 2
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """`run` over many batches, on as many sessions as workers, in the batches' order."""
    sessions = [open_session(model) for _ in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        waiting: list = []
        for number, batch in enumerate(batches):
            waiting.append(pool.submit(run, sessions[number % workers], batch))
            if len(waiting) > 2 * workers:
                yield waiting.pop(0).result()
        for result in waiting:
            yield result.result()

"""What OpenVINO makes of an int8 model.

Where ONNX Runtime rounds to bytes behind each layer, OpenVINO moves and joins these steps, and the
values that it rounds otherwise go through all layers that follow. Its scores are as near to those of
the source model, but are others, so that canaries need both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from .contract import IMAGE, SCORES


def by_openvino(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """Scores `[n, classes]` of uint8 tiles; none where OpenVINO is not installed, or where the
    processor adds up products of bytes in 16 bits, which saturate."""
    try:
        import openvino
    except ImportError:
        return np.empty((0, 0), np.float32)
    if not _adds_up_in_32_bits():
        return np.empty((0, 0), np.float32)
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return compiled({IMAGE: images})[SCORES]


def _adds_up_in_32_bits() -> bool:
    processor = Path("/proc/cpuinfo")
    return processor.exists() and "vnni" in processor.read_text()

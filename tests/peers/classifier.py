"""The fixture's model in Python's ONNX Runtime: what both servers answer with."""

import io
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

MODEL = Path(__file__).parent.parent / "fixtures/models/contract.onnx"
CLASSES = 3


class Classifier:
    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(MODEL), options, providers=["CPUExecutionProvider"]
        )

    def pixels(self, images):
        """Scores `[n, CLASSES]` of `[n, 256, 256, 3]` bytes."""
        return self.session.run(["scores"], {"image": np.ascontiguousarray(images)})[0]

    def encoded(self, payloads):
        """Scores of encoded images; ValueError where one is none."""
        try:
            tiles = [
                np.asarray(Image.open(io.BytesIO(payload)).convert("RGB")) for payload in payloads
            ]
        except OSError as error:
            raise ValueError(f"an image cannot be decoded: {error}") from error
        return self.pixels(np.stack(tiles))

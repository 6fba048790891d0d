"""KServe's Python server around a Keras model, as its guide to custom models has it.

    kserve_server.py MODEL.keras PORT
"""

import base64
import io
import sys

import keras
import kserve
import numpy as np
from PIL import Image


class Towers(kserve.Model):
    def __init__(self, file: str) -> None:
        super().__init__("xception")
        self.model = keras.models.load_model(file, compile=False)
        self.model.predict_on_batch(np.zeros((16, 256, 256, 3), np.float32))
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        images = [
            Image.open(io.BytesIO(base64.b64decode(instance["image_bytes"]["b64"]))).convert("RGB")
            for instance in payload["instances"]
        ]
        scaled = np.stack([np.asarray(image) for image in images]).astype(np.float32) / 127.5 - 1
        return {"predictions": np.asarray(self.model.predict_on_batch(scaled)).tolist()}


if __name__ == "__main__":
    model = Towers(sys.argv[1])
    kserve.ModelServer(
        http_port=int(sys.argv[2]), enable_grpc=False, workers=1, enable_latency_logging=False
    ).start([model])

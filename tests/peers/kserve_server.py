"""KServe's Python server with two models, of encoded images and of pixels: v1 and v2, over HTTP and
gRPC.

    kserve_server.py HTTP_PORT GRPC_PORT
"""

import base64
import sys
import uuid

import kserve
from kserve.errors import InvalidInput

from classifier import CLASSES, Classifier


class Towers(kserve.Model):
    def __init__(self, name, classifier):
        super().__init__(name)
        self.classifier = classifier
        self.ready = True

    async def get_input_types(self):
        return [{"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}]

    async def get_output_types(self):
        return [{"name": "scores", "datatype": "FP32", "shape": [-1, CLASSES]}]

    def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, dict):
            images = [
                base64.b64decode(instance["image_bytes"]["b64"])
                for instance in payload["instances"]
            ]
            return {"predictions": self.scores(images).tolist()}
        scores = self.scores_of(payload.inputs[0])
        output = kserve.InferOutput(name="scores", shape=list(scores.shape), datatype="FP32")
        output.set_data_from_numpy(scores, binary_data=True)
        return kserve.InferResponse(
            # Its own answers refuse to go without one.
            response_id=payload.id or str(uuid.uuid4()),
            model_name=self.name,
            infer_outputs=[output],
        )

    def scores_of(self, tensor):
        return self.scores([bytes(image) for image in tensor.as_numpy().ravel()])

    def scores(self, images):
        try:
            return self.classifier.encoded(images)
        except ValueError as error:
            raise InvalidInput(str(error)) from error


class TowersOfPixels(Towers):
    async def get_input_types(self):
        return [{"name": "image", "datatype": "UINT8", "shape": [-1, 256, 256, 3]}]

    def scores_of(self, tensor):
        return self.classifier.pixels(tensor.as_numpy())


if __name__ == "__main__":
    http_port, grpc_port = map(int, sys.argv[1:])
    classifier = Classifier()
    kserve.ModelServer(
        http_port=http_port, grpc_port=grpc_port, workers=1, enable_latency_logging=False
    ).start(
        [Towers("towers", classifier), TowersOfPixels("towers_of_pixels", classifier)]
    )

"""NVIDIA's Triton with two models, of encoded images and of pixels, over HTTP and gRPC.

    triton_server.py HTTP_PORT GRPC_PORT
"""

import sys

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from classifier import CLASSES, Classifier

BATCH_SIZE_MAX = 64


def main():
    http_port, grpc_port = map(int, sys.argv[1:])
    classifier = Classifier()

    @batch
    def encoded(image_bytes):
        return {"scores": classifier.encoded([bytes(row[0]) for row in image_bytes])}

    @batch
    def pixels(image):
        return {"scores": classifier.pixels(image)}

    scores = Tensor(name="scores", dtype=np.float32, shape=(CLASSES,))
    config = ModelConfig(max_batch_size=BATCH_SIZE_MAX)
    with Triton(
        config=TritonConfig(
            http_port=http_port, grpc_port=grpc_port, allow_metrics=False, log_verbose=0
        )
    ) as triton:
        triton.bind(
            model_name="towers",
            infer_func=encoded,
            inputs=[Tensor(name="image_bytes", dtype=bytes, shape=(1,))],
            outputs=[scores],
            config=config,
        )
        triton.bind(
            model_name="towers_of_pixels",
            infer_func=pixels,
            inputs=[Tensor(name="image", dtype=np.uint8, shape=(256, 256, 3))],
            outputs=[scores],
            config=config,
        )
        triton.serve()


if __name__ == "__main__":
    main()

"""Bytes a tile of a request of 64, by protocol, made with each protocol's own client library."""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from kserve.protocol.grpc import grpc_predict_v2_pb2 as v2
from PIL import Image
from tensorflow_serving.apis import predict_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inputs import files  # noqa: E402  (it lies one folder up)

tiles = [path.read_bytes() for path in files(64)]

instances = [{"image_bytes": {"b64": base64.b64encode(tile).decode()}} for tile in tiles]
# Written out for a few of them: a hundred million characters say no more.
pixels = [np.asarray(Image.open(io.BytesIO(tile)).convert("RGB")) for tile in tiles[:4]]
scaled = [np.round(image / 127.5 - 1, 6).tolist() for image in pixels]

predict = predict_pb2.PredictRequest()
predict.model_spec.name = "xception"
predict.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(tiles))

raw = b"".join(len(tile).to_bytes(4, "little") + tile for tile in tiles)
about = {"name": "image_bytes", "datatype": "BYTES", "shape": [len(tiles)]}
header = json.dumps({"inputs": [about | {"parameters": {"binary_data_size": len(raw)}}]})
infer = v2.ModelInferRequest(model_name="xception", raw_input_contents=[raw])
infer.inputs.add(name="image_bytes", datatype="BYTES", shape=[len(tiles)])

print(json.dumps({
    "rest": len(json.dumps({"instances": instances})) / len(tiles),
    "numbers": len(json.dumps({"instances": scaled})) / len(scaled),
    "grpc": predict.ByteSize() / len(tiles),
    "v2": (len(header) + len(raw)) / len(tiles),
    "v2-grpc": infer.ByteSize() / len(tiles),
}))  # fmt: skip

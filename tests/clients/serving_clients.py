"""Asks `hvmap serve` with the PyPI clients of the protocols it speaks, as they are.

    python serving_clients.py REST_ADDRESS GRPC_ADDRESS MODEL TILE...

Every client has to give the same scores for the same tiles.
"""

import base64
import io
import json
import sys

import grpc
import numpy as np
import requests
import tensorflow as tf
import tritonclient.grpc
import tritonclient.http
from PIL import Image
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)


def rest_2018(address, model, tiles):
    """The client of 2018: no Content-Type, no header at all of its own."""
    instances = [{"image_bytes": {"b64": base64.b64encode(tile).decode()}} for tile in tiles]
    answer = requests.post(
        f"http://{address}/v1/models/{model}:predict", data=json.dumps({"instances": instances})
    )
    answer.raise_for_status()
    return np.array(answer.json()["predictions"], dtype=np.float32)


def tf_serving(address, model, tiles):
    channel = grpc.insecure_channel(
        address, options=[("grpc.max_send_message_length", 64 << 20)]
    )
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(tiles))
    answer = prediction.Predict(request, timeout=60)
    scores = tf.make_ndarray(answer.outputs["scores"])
    assert answer.model_spec.version.value >= 1, answer.model_spec

    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    metadata.model_spec.name = model
    metadata.metadata_field.append("signature_def")
    packed = prediction.GetModelMetadata(metadata, timeout=60).metadata["signature_def"]
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert packed.Unpack(signatures)
    taken = signatures.signature_def["serving_default"].inputs["image_bytes"]
    assert taken.dtype == tf.string.as_datatype_enum, taken

    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = model
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    versions = models.GetModelStatus(status, timeout=60).model_version_status
    assert versions[0].state == get_model_status_pb2.ModelVersionStatus.AVAILABLE, versions

    classify = classification_pb2.ClassificationRequest()
    regress = regression_pb2.RegressionRequest()
    for asked in (classify, regress):
        asked.model_spec.name = model
        for tile in tiles:
            example = asked.input.example_list.examples.add()
            example.features.feature["image_bytes"].bytes_list.value.append(tile)
    classified = prediction.Classify(classify, timeout=60).result.classifications
    classes = np.array([[one.score for one in image.classes] for image in classified], np.float32)
    assert np.array_equal(classes, scores), (classes, scores)
    assert len(prediction.Regress(regress, timeout=60).result.regressions) == len(tiles)

    request.model_spec.name = "nobody"
    try:
        prediction.Predict(request, timeout=60)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details().startswith("Servable not found for request: Latest(nobody)"), error
    else:
        raise AssertionError("a model that is not served was answered")
    return scores


def open_inference(client, kind, model, tiles):
    """KServe v2 with Triton's client: encoded images, then pixels."""
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(model)
    encoded = kind.InferInput("image_bytes", [len(tiles)], "BYTES")
    encoded.set_data_from_numpy(np.array(tiles, dtype=np.object_))
    wanted = [kind.InferRequestedOutput("scores")]
    scores = client.infer(model, [encoded], outputs=wanted).as_numpy("scores")

    # Decoded by another JPEG decoder, so these scores are only nearly the same.
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(tile)).convert("RGB")) for tile in tiles])
    raw = kind.InferInput("image", list(pixels.shape), "UINT8")
    raw.set_data_from_numpy(pixels)
    near = client.infer(model, [raw], outputs=wanted).as_numpy("scores")
    assert np.allclose(near, scores, atol=0.05), (near, scores)
    return scores


def payloads(tiles):
    """Bytes that a tile costs on the wire, without HTTP's heads."""
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(tile)).convert("RGB")) for tile in tiles])
    request = predict_pb2.PredictRequest()
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(tiles))
    coded = [{"image_bytes": {"b64": base64.b64encode(tile).decode()}} for tile in tiles]
    scaled = (pixels / 127.5 - 1).round(4).tolist()
    for name, size in [
        ("the file itself", sum(map(len, tiles))),
        ("REST, b64", len(json.dumps({"instances": coded}))),
        ("REST, pixels as numbers from 0 to 255", len(json.dumps({"instances": pixels.tolist()}))),
        ("REST, pixels scaled to four digits", len(json.dumps({"instances": scaled}))),
        ("gRPC, encoded", request.ByteSize()),
        ("KServe v2, raw BYTES", sum(len(tile) + 4 for tile in tiles)),
        ("KServe v2, raw UINT8", pixels.size),
    ]:
        print(f"{size // len(tiles):>9} bytes a tile: {name}")


def main():
    rest, remote, model, *paths = sys.argv[1:]
    tiles = [open(path, "rb").read() for path in paths]
    expected = rest_2018(rest, model, tiles)
    over_http = tritonclient.http.InferenceServerClient(rest)
    over_grpc = tritonclient.grpc.InferenceServerClient(remote)
    for name, scores in [
        ("tensorflow-serving-api over gRPC", tf_serving(remote, model, tiles)),
        ("tritonclient over HTTP", open_inference(over_http, tritonclient.http, model, tiles)),
        ("tritonclient over gRPC", open_inference(over_grpc, tritonclient.grpc, model, tiles)),
    ]:
        assert np.array_equal(scores, expected), (name, scores, expected)
        print(f"{name}: the scores of REST for {len(tiles)} tiles")
    payloads(tiles)


if __name__ == "__main__":
    main()

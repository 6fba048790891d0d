"""What OpenVINO makes of a model, where it is installed."""

import numpy as np
import onnx
import pytest
from hvmap_model import contract
from hvmap_model.openvino import by_openvino

pytest.importorskip("openvino")


def test_in_fp32_it_gives_the_scores_of_onnx_runtime(demo):
    model = onnx.load(demo)
    metadata = contract.read(model)
    scores = by_openvino(model, metadata.canary_images)
    if not scores.size:
        pytest.skip("this processor has no VNNI")
    assert np.abs(scores - metadata.canary_scores).max() < 1e-4

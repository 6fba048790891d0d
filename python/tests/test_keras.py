"""From tiles to a packaged model, small; skipped where TensorFlow is not installed."""

import json

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
import keras  # noqa: E402  (only there with TensorFlow)

from hvmap_model import contract, proof  # noqa: E402
from hvmap_model.cli import main  # noqa: E402
from hvmap_model.head import Head, UnfitHead  # noqa: E402
from hvmap_model.slim import FusedBatchNormalization, slim_xception  # noqa: E402


@pytest.fixture(scope="module")
def trained(labelled, tmp_path_factory):
    """A model that has learnt the tests' crosses a little."""
    out = tmp_path_factory.mktemp("trained") / "cross.keras"
    arguments = "--crop-steps 30 --tile-steps 10 --batch-size 16 --validation-share 0.3"
    assert main(["train", str(labelled), "-o", str(out), *arguments.split()]) == 0
    return out


def test_training_leaves_a_model_its_history_and_its_curves(trained):
    names = {path.name for path in trained.parent.iterdir()}
    assert names == {"cross.keras", "cross.json", "cross-history.png", "cross-curves.png"}
    notes = json.loads(trained.with_suffix(".json").read_text())
    assert notes["settings"]["crop_steps"] == 30
    assert notes["history"][-1]["step"] == 40
    assert notes["history"][-1]["auc"] > 0.6


def test_a_trained_model_is_packaged_in_three_precisions_and_proven(trained, labelled, tmp_path):
    arguments = ["package", str(trained), "-o", str(tmp_path), "--name", "cross"]
    arguments += ["--calibrate", str(labelled), "--precision", "fp32,int8,fp16"]
    assert main([*arguments, "--training", "synthetic"]) == 0
    path = tmp_path / "cross" / "1" / "model.onnx"
    metadata = contract.check(path)
    assert metadata.classes == ["negative", "tower"] and metadata.positives == ["tower"]
    assert metadata.parity["score_difference_max"] <= proof.TOLERANCE
    assert metadata.parity["scores_bit_identical_without_attribution"] is True
    assert metadata.parity["attribution_identity_error_max"] <= 1e-3
    assert main(["check", str(path)]) == 0
    assert main(["evaluate", str(path), str(labelled)]) == 0
    for precision in ("int8", "fp16"):
        path = tmp_path / f"cross-{precision}" / "1" / "model.onnx"
        metadata = contract.check(path)
        assert metadata.precision == precision
        assert metadata.attribution_columns_px
        assert main(["check", str(path)]) == 0
        assert "data:image/png" in (path.parent / "report.html").read_text()


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_grid_and_rest_sum_to_the_margin_for_several_positive_classes(activation):
    keras.utils.set_random_seed(5)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(16, activation="relu", bias_initializer="normal")(x)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Dense(8, activation="relu", bias_initializer="normal")(x)
    model = keras.Model(image, keras.layers.Dense(4, activation=activation)(x))
    head = Head(model, positives=[1, 3])
    images = np.random.default_rng(1).normal(size=(6, 32, 32, 3)).astype("float32")
    explained = head.explain(keras.Model(image, head.features)(images))
    total = tf.reduce_sum(explained.grid, axis=[1, 2]) + explained.rest
    assert np.allclose(total, explained.margin, atol=1e-5)
    scores = model(images).numpy()
    if activation == "softmax":
        odds = scores[:, [1, 3]].sum(axis=1) / scores[:, [0, 2]].sum(axis=1)
        assert np.allclose(np.log(odds), explained.margin, atol=1e-4)
    else:
        best = scores[:, [1, 3]].max(axis=1)
        assert np.allclose(np.log(best / (1 - best)), explained.margin, atol=1e-4)


def test_a_head_with_another_activation_is_unfit():
    image = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(image)
    x = keras.layers.Dense(8, activation="tanh", name="odd")(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    with pytest.raises(UnfitHead, match="odd"):
        Head(model, [1])


def test_the_fused_normalisation_is_the_stock_one():
    keras.utils.set_random_seed(3)
    fused, stock = FusedBatchNormalization(), keras.layers.BatchNormalization()
    x = tf.random.normal((4, 8, 8, 5), mean=2.0)
    for layer in (fused, stock):
        layer.momentum = 0.9
    assert np.allclose(fused(x, training=True), stock(x, training=True), atol=1e-5)
    assert np.allclose(fused.moving_mean, stock.moving_mean, atol=1e-5)
    # The fused variance is the sample's (n − 1), the stock one the population's.
    assert np.allclose(fused.moving_variance, stock.moving_variance, rtol=1e-2)


def test_the_slim_xception_is_small_and_ends_at_a_stride_of_sixteen():
    model = slim_xception()
    assert model.count_params() < 500_000
    assert model.get_layer("features").output.shape[1:3] == (16, 16)

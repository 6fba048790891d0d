"""From tiles to a packaged model, small; skipped where TensorFlow is not installed."""

import json

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
import keras  # noqa: E402  (only there with TensorFlow)

from hvmap_model import contract, proof  # noqa: E402
from hvmap_model.cli import main  # noqa: E402
from hvmap_model.feed import Batch  # noqa: E402
from hvmap_model.head import Head, UnfitHead  # noqa: E402
from hvmap_model.networks import NETWORKS  # noqa: E402
from hvmap_model.settings import CHOICES, Settings  # noqa: E402
from hvmap_model.slim import FusedBatchNormalization, slim_xception  # noqa: E402
from hvmap_model.start import start_from  # noqa: E402
from hvmap_model.tiles import find_tiles, read_pixels  # noqa: E402
from hvmap_model.trainer import Scorer, Trainer  # noqa: E402


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


def test_training_goes_on_from_a_model_trained_before(trained, labelled, tmp_path, capsys):
    out = tmp_path / "on.keras"
    arguments = ["train", str(labelled), "-o", str(out), "--init", str(trained)]
    arguments += "--crop-steps 0 --tile-steps 1 --batch-size 4 --validation-share 0.3".split()
    assert main([*arguments, "--learning-rate", "0"]) == 0
    assert "layers start from cross.keras" in capsys.readouterr().out
    before, after = (keras.models.load_model(path, compile=False) for path in (trained, out))
    for name in ("stem1", "exit", "hidden", "scores"):
        pairs = zip(before.get_layer(name).get_weights(), after.get_layer(name).get_weights())
        assert all(np.allclose(one, other, atol=1e-6) for one, other in pairs), name
    # The other network is refused by what its layers hold.
    assert main([*arguments, "--network", "xception"]) == 2
    assert "is no full_xception: in the place of" in capsys.readouterr().err


def test_the_full_xception_starts_from_keras_own_weights_and_learns(labelled, tmp_path, capsys):
    tf_keras = pytest.importorskip("tf_keras")
    weights = tmp_path / "xception_notop.h5"
    theirs = tf_keras.applications.Xception(
        include_top=False, weights=None, input_shape=(None, None, 3)
    )
    theirs.save_weights(weights)
    ours = NETWORKS["xception"].build(2)
    assert start_from(ours, weights) == "80 of 82 layers start from xception_notop.h5"
    image = np.random.default_rng(1).uniform(-1, 1, (1, 256, 256, 3)).astype("float32")
    features = keras.Model(ours.input, Head(ours, [1]).features)
    assert np.allclose(theirs(image), features(image), atol=1e-4)

    out = tmp_path / "full.keras"
    arguments = "--network xception --crop-px 64 --crop-steps 1 --tile-steps 0 --batch-size 4"
    arguments += f" --validation-share 0.3 --init {weights}"
    assert main(["train", str(labelled), "-o", str(out), *arguments.split()]) == 0
    trained = keras.models.load_model(out, compile=False)
    assert trained.name == "full_xception" and trained.count_params() > 20_000_000
    assert trained.output_shape == (None, 2)
    moved = [
        np.abs(one - other).max()
        for one, other in zip(ours.get_layer("block1_conv1").get_weights(),
                              trained.get_layer("block1_conv1").get_weights())
    ]
    assert 0 < max(moved) < 0.1


def test_class_weights_for_the_base_rate_make_scores_rare(labelled):
    even, rare = (
        Settings(class_weights=name, positive_share=0.5, base_rate=0.01) for name in CHOICES["class_weights"]
    )
    tiles = find_tiles([labelled])
    pixels = read_pixels(tiles)
    images = pixels[:8]
    positive = np.array([tile.positive for tile in tiles[:8]])
    losses, scores = [], []
    for settings in (even, rare):
        keras.utils.set_random_seed(1)
        model = slim_xception(normalization=FusedBatchNormalization)
        trainer = Trainer(model, settings)
        trainer.start_at_base_rate()
        scores.append(Scorer(model)(images))
        cells = np.zeros((8, 16, 16), np.float32)
        losses.append(trainer.step(Batch(images, positive, cells, ~positive)))
    odds = [np.log(some / (1 - some)) for some in scores]
    # The scores' odds are those of one tower in a hundred; the batch's loss is as before.
    assert np.allclose(odds[0] - odds[1], np.log(99), atol=1e-3)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--crop-px 100", "a multiple of 16"),
        ("--crop-steps 0 --tile-steps 0", "nothing to train"),
        ("--validation-share 1", "above 0, below 1"),
        ("--validation-share 0.0001", "holds no tile with a tower"),
        ("--split labels", "has no side in the column split"),
        ("--init nowhere.keras", "nowhere.keras does not exist"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_line(arguments, message, labelled, tmp_path, capsys):
    out = tmp_path / "out.keras"
    assert main(["train", str(labelled), "-o", str(out), *arguments.split()]) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("error: ") and said.count("\n") == 1
    assert not out.exists()


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

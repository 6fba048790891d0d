"""Keras files as old versions wrote them, and TensorFlow's SavedModels; skipped without TensorFlow."""

import json

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
tf_keras = pytest.importorskip("tf_keras")
import h5py  # noqa: E402
import keras  # noqa: E402

from hvmap_model import contract  # noqa: E402
from hvmap_model.cli import main  # noqa: E402

v1 = tf.compat.v1


def packaged(path, out, *flags):
    """Packages with the flags that all of these need, and gives the metadata."""
    arguments = ["package", str(path), "-o", str(out), "--name", "old"]
    assert main([*arguments, "--classes", "negatives,towers", "--positive", "towers", *flags]) == 0
    return contract.check(out / "old" / "1" / "model.onnx")


def refused(capsys, *arguments) -> str:
    """The one line that a refusal prints."""
    assert main(list(map(str, arguments))) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    told = [line for line in lines if line.startswith("error: ")]
    assert len(told) == 1, lines
    return told[0]


def rewritten(path, change, version=None):
    """Changes the architecture in an HDF5 file, and the version that it says it is of."""
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        config = json.loads(text.decode() if isinstance(text, bytes) else text)
        change(config)
        file.attrs["model_config"] = json.dumps(config).encode()
        if version:
            file.attrs["keras_version"] = version.encode()
            file["model_weights"].attrs["keras_version"] = version.encode()
    return path


def small(layers, shape=(256, 256, 3)):
    image = layers.Input(shape)
    x = layers.Conv2D(8, 3, strides=4, activation="relu")(image)
    x = layers.SeparableConv2D(12, 3, strides=4, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(8, activation="relu", kernel_initializer="random_normal")(x)
    return image, layers.Dense(2, activation="softmax")(x)


@pytest.fixture
def keras_2_0(tmp_path):
    """A file as Keras 2.0 wrote it: a Sequential is a bare list, a separable convolution carries
    the keys of the ordinary one; grey images of 64 pixels; an optimizer that is gone.
    """
    tf_keras.utils.set_random_seed(2)
    layers = tf_keras.layers
    model = tf_keras.Sequential([
        layers.SeparableConv2D(8, 3, strides=2, activation="relu", input_shape=(64, 64, 1)),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(12, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(2, activation="softmax"),
    ])
    path = tmp_path / "keras-2.0.hdf5"
    model.save(path, save_format="h5")

    def change(config):
        old = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
        old[0]["config"]["batch_input_shape"] = [None, 64, 64, 1]
        for layer in old:
            layer.pop("module", None), layer.pop("registered_name", None)
            layer.pop("build_config", None)
            if layer["class_name"] == "SeparableConv2D":
                layer["config"] |= {
                    "kernel_initializer": {
                        "class_name": "VarianceScaling",
                        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform",
                                   "seed": None},
                    },
                    "kernel_regularizer": None,
                    "kernel_constraint": None,
                }
        config["config"] = old

    rewritten(path, change, "2.0.8")
    with h5py.File(path, "r+") as file:
        training = {"optimizer_config": {"class_name": "NAdamOfOurs", "config": {}},
                    "loss": "focal_loss_of_ours", "metrics": ["f1_of_ours"]}
        file.attrs["training_config"] = json.dumps(training).encode()
    return path


def test_keras_2_0_hdf5_with_grey_images_of_64_pixels_is_packaged(keras_2_0, tmp_path, labelled):
    flags = ["--preprocess", "unit", "--fit", "resize", "--tiles", str(labelled)]
    metadata = packaged(keras_2_0, tmp_path, *flags)
    assert metadata.parity["score_difference_max"] <= 1e-4
    # Flatten and no pooling: without a location, and packaged all the same.
    assert metadata.attribution_columns_px == []


def test_nested_models_of_tf_keras_2_4_with_groups_are_packaged(tmp_path):
    tf_keras.utils.set_random_seed(3)
    layers = tf_keras.layers
    inside = tf_keras.Input((256, 256, 3))
    x = layers.DepthwiseConv2D(3, strides=4, activation="relu")(inside)
    x = layers.Conv2D(8, 3, strides=4, activation="relu")(x)
    trunk = tf_keras.Model(inside, x)
    model = tf_keras.Sequential([
        trunk,
        layers.GlobalAveragePooling2D(),
        layers.Dense(8, activation="relu", kernel_initializer="random_normal"),
        layers.Dropout(0.5),
        layers.Dense(2, activation="softmax"),
    ])
    model.build((None, 256, 256, 3))
    path = tmp_path / "tf-2.4.h5"
    model.save(path, save_format="h5")

    def change(config):
        for layer in config["config"]["layers"]:
            for inner in layer["config"].get("layers", []):
                if inner["class_name"] == "DepthwiseConv2D":
                    inner["config"]["groups"] = 1

    rewritten(path, change, "2.4.0")
    with pytest.raises(Exception, match="groups"):
        keras.models.load_model(path, compile=False)
    metadata = packaged(path, tmp_path, "--preprocess", "xception")
    assert metadata.parity["score_difference_max"] <= 1e-4
    assert "generated images" in metadata.parity["tiles_from"]
    assert len(metadata.attribution_columns_px) > 8


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_an_architecture_with_its_weights_is_packaged(form, tmp_path, capsys):
    yaml = pytest.importorskip("yaml")
    image, scores = small(tf_keras.layers)
    model = tf_keras.Model(image, scores)
    weights = tmp_path / "weights.h5"
    model.save_weights(weights, save_format="h5")
    path = tmp_path / f"architecture.{form}"
    text = model.to_json()
    if form == "yaml":
        text = yaml.safe_dump(json.loads(text))
        # YAML of 2018 has Python's tuples.
        text = text.replace("strides:\n", "strides: !!python/tuple\n")
    path.write_text(text)
    metadata = packaged(path, tmp_path, "--weights", str(weights), "--preprocess", "xception")
    assert metadata.parity["score_difference_max"] <= 1e-4
    told = refused(capsys, "package", path, "-o", tmp_path, "--name", "x", "--preprocess", "unit")
    assert "without weights" in told and "--weights" in told
    told = refused(capsys, "package", weights, "-o", tmp_path, "--name", "x", "--preprocess", "unit")
    assert "weights without an architecture" in told and "--weights" in told


def test_a_model_that_scales_its_pixels_says_so_itself(tmp_path, capsys):
    layers = keras.layers
    image = keras.Input((256, 256, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(8, 5, strides=8, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    path = tmp_path / "scaling.keras"
    keras.Model(image, layers.Dense(2, activation="softmax")(x)).save(path)
    assert packaged(path, tmp_path).parity["score_difference_max"] <= 1e-4
    told = refused(capsys, "package", path, "-o", tmp_path, "--name", "x", "--preprocess", "unit")
    assert "says itself" in told


@pytest.mark.parametrize("form", ["batch", "each image", "one image"])
def test_an_estimators_export_is_cut_behind_its_decoder(form, tmp_path):
    graph = tf.Graph()
    v1.disable_control_flow_v2()
    v1.disable_resource_variables()
    try:
        with graph.as_default(), v1.Session() as session:
            strings = v1.placeholder(tf.string, [None], "image_binary")

            def image_of(string):
                image = tf.image.decode_image(string, channels=3)
                image.set_shape([256, 256, 3])
                if form == "each image":
                    image = tf.cast(image, tf.float32) / 127.5 - 1.0
                    image = v1.image.resize_images(image, [224, 224])
                return image

            if form == "one image":
                x = tf.expand_dims(image_of(tf.reshape(strings, [])), 0)
            else:
                kind = tf.float32 if form == "each image" else tf.uint8
                x = tf.map_fn(image_of, strings, back_prop=False, dtype=kind)
            if form != "each image":
                x = tf.image.convert_image_dtype(x, tf.float32)
            weights = v1.get_variable("w", [3, 3, 3, 8], initializer=v1.random_normal_initializer(seed=1))
            x = tf.nn.relu(tf.nn.conv2d(x, weights, 4, "VALID"))
            x = tf.reduce_mean(x, [1, 2])
            dense = v1.get_variable("d", [8, 2], initializer=v1.random_normal_initializer(seed=2))
            scores = tf.nn.softmax(tf.matmul(x, dense))
            session.run(v1.global_variables_initializer())
            folder = tmp_path / "1531763105"
            v1.saved_model.simple_save(
                session, str(folder), {"image_bytes": strings}, {"dense_2": scores}
            )
    finally:
        v1.enable_control_flow_v2()
        v1.enable_resource_variables()
    if form == "one image":
        from hvmap_model.generated import generated_images
        from hvmap_model.session import any_session
        from hvmap_model.sources import Wanted, open_source

        # The original takes one at a time; the cut graph takes any number.
        source = open_source(folder, Wanted())
        images = generated_images(3)
        session = any_session(source.model.SerializeToString())
        together = session.run(None, {"image": images})[0]
        alone = np.concatenate([source.answer(images[at : at + 1]) for at in range(3)])
        assert np.abs(together - alone).max() < 1e-5
        return
    metadata = packaged(folder, tmp_path)
    assert metadata.parity["score_difference_max"] <= 1e-4
    assert len(metadata.attribution_columns_px) > 8


def test_a_saved_model_of_keras_is_packaged(tmp_path):
    image = keras.Input((224, 224, 3))
    x = keras.layers.Conv2D(8, 5, strides=8, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    model.export(tmp_path / "saved", verbose=False)
    flags = ["--preprocess", "torch", "--fit", "crop"]
    assert packaged(tmp_path / "saved", tmp_path, *flags).parity["score_difference_max"] <= 1e-4


def test_bad_files_are_refused_in_one_line_that_says_what_to_do(tmp_path, capsys):
    image, scores = small(tf_keras.layers)
    whole = tmp_path / "whole.h5"
    tf_keras.Model(image, scores).save(whole, save_format="h5")
    flags = ["-o", tmp_path, "--name", "x", "--preprocess", "xception"]

    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-3000])
    told = refused(capsys, "package", cut, *flags)
    assert "cut short" in told and "copy it again" in told

    told = refused(capsys, "package", whole, *flags, "--classes", "a,b,c")
    assert "2 scores, but 3 classes" in told and "--classes with 2 names" in told

    told = refused(capsys, "package", whole, "-o", tmp_path, "--name", "x")
    assert "does not say how its pixels are scaled" in told and "--preprocess xception" in told

    told = refused(capsys, "package", whole, *flags, "--precision", "int8")
    assert "--calibrate" in told

    def change(config):
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "SeparableConv2D":
                layer["class_name"] = "AttentionOfOurs"

    told = refused(capsys, "package", rewritten(whole, change), *flags)
    assert "custom layer AttentionOfOurs" in told and "SavedModel" in told

    boxes = keras.layers.Conv2D(8, 5, strides=8)(shown := keras.Input((256, 256, 3)))
    detector = tmp_path / "detector.keras"
    keras.Model(shown, boxes).save(detector)
    told = refused(capsys, "package", detector, *flags)
    assert "detection" in told and "classifier" in told

"""ONNX models from elsewhere become packages; needs no TensorFlow."""

import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from hvmap_model import assemble, contract, grid, proof, quantise
from hvmap_model.attribution import explain, find_pooling
from hvmap_model.cli import main
from hvmap_model.fit import fitted, resize_matrix
from hvmap_model.generated import generated_images
from hvmap_model.preprocess import NAMED
from hvmap_model.session import any_session, open_session, run
from hvmap_model.sources import Wanted, open_source


def network(
    path, *, layout="nchw", size=256, batch="N", activation=None, classes=2, hidden=(6,), pads=0,
    between="Relu", opset=17, external=False, extra_output=False, shortcut=False,
):
    """A small classifier as PyTorch would export it, with weights of a fixed seed."""
    random = np.random.default_rng(4)
    nodes, constants = [], []

    def constant(array):
        constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(constants)}"))
        return constants[-1].name

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weights(*shape, scale=0.4):
        return constant(random.normal(0, scale, shape).astype(np.float32))

    x = "input"
    if layout == "nhwc":
        x = node("Transpose", [x], "turned", perm=[0, 3, 1, 2])
    x = node("Conv", [x, weights(8, 3, 3, 3), weights(8)], "conv1", strides=[4, 4], pads=[pads] * 4)
    if shortcut:
        side = node("Conv", ["input", weights(8, 3, 3, 3), weights(8)], "side", strides=[4, 4])
        total = x = node("Add", [x, side], "sum")
    x = node("Relu", [x], "relu1")
    x = node("Conv", [x, weights(12, 8, 3, 3, scale=0.3), weights(12)], "conv2", strides=[4, 4])
    if shortcut:
        side = node("Conv", [total, weights(12, 8, 1, 1), weights(12)], "short", strides=[4, 4])
        x = node("Add", [x, side], "joined")
    features = x = node("Relu", [x], "relu2")
    x = node("GlobalAveragePool", [x], "pool")
    flat = constant(np.array([batch if isinstance(batch, int) else 0, 12], np.int64))
    x = node("Reshape", [x, flat], "flat")
    width = 12
    for number, units in enumerate(hidden):
        x = node("Gemm", [x, weights(units, width, scale=0.5), weights(units)], f"fc{number}", transB=1)
        x = node(between, [x], f"act{number}")
        width = units
    x = node("Gemm", [x, weights(classes, width, scale=0.3), weights(classes)], "logits", transB=1)
    if activation:
        x = node(activation, [x], "probabilities")
    shape = [batch, 3, size, size] if layout == "nchw" else [batch, size, size, 3]
    outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, [batch, classes])]
    if extra_output:
        node("Relu", ["flat"], "embedding")
        outputs.append(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 12]))
    model = helper.make_model(
        helper.make_graph(
            nodes, "n", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            outputs, constants,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
    )
    model.ir_version = 8
    onnx.save(model, path, save_as_external_data=external, location="weights.bin", size_threshold=0)
    return path, features


def package(path, out, *flags):
    arguments = ["package", str(path), "-o", str(out), "--name", "m", *map(str, flags)]
    assert main(arguments) == 0
    return contract.check(out / "m" / "1" / "model.onnx")


def refused(capsys, path, *flags) -> str:
    arguments = ["package", str(path), "-o", str(path.parent), "--name", "m", *map(str, flags)]
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("about", "flags"),
    [
        ({}, ["--activation", "softmax", "--preprocess", "torch"]),
        ({"layout": "nhwc"}, ["--activation", "sigmoid", "--preprocess", "caffe"]),
        ({"activation": "Softmax", "batch": 1}, ["--preprocess", "unit"]),
        ({"activation": "Sigmoid", "classes": 1}, ["--preprocess", "0.01,-1"]),
        ({"size": 224}, ["--activation", "softmax", "--preprocess", "none", "--fit", "crop"]),
        ({"size": 299, "layout": "nhwc"},
         ["--activation", "softmax", "--preprocess", "xception", "--fit", "resize"]),
        ({"size": 299}, ["--activation", "softmax", "--preprocess", "unit", "--fit", "pad"]),
        ({"opset": 11, "external": True},
         ["--activation", "softmax", "--mean", "0.4,0.5,0.6", "--deviation", "0.2,0.3,0.4"]),
    ],
)
def test_models_of_every_kind_are_packaged_and_proven(about, flags, tmp_path):
    path, _ = network(tmp_path / "model.onnx", **about)
    classes = ["other", "tower"][-about.get("classes", 2):]
    flags = [*flags, "--classes", ",".join(classes), "--positive", "tower"]
    metadata = package(path, tmp_path, *flags)
    assert metadata.parity["score_difference_max"] <= proof.TOLERANCE
    assert metadata.parity["attribution_identity_error_max"] <= 1e-3
    assert metadata.parity["scores_bit_identical_without_attribution"] is True
    assert metadata.classes == classes


def test_what_nobody_named_has_a_number_and_no_positives(tmp_path):
    path, _ = network(tmp_path / "model.onnx", activation="Softmax", classes=3)
    metadata = package(path, tmp_path, "--preprocess", "unit")
    assert metadata.classes == ["class_0", "class_1", "class_2"]
    assert metadata.positives == [] and metadata.attribution_columns_px == []


def test_what_is_missing_is_asked_for_in_one_line(tmp_path, capsys):
    path, _ = network(tmp_path / "model.onnx", size=224)
    assert "--preprocess" in refused(capsys, path)
    assert "--fit" in refused(capsys, path, "--preprocess", "unit")
    told = refused(capsys, path, "--preprocess", "unit", "--fit", "resize")
    assert "--activation" in told
    ready = ["--preprocess", "unit", "--fit", "resize", "--activation", "softmax"]
    assert "--calibrate" in refused(capsys, path, *ready, "--precision", "int8")
    assert "mast is no class" in refused(capsys, path, *ready, "--positive", "mast")
    path, _ = network(tmp_path / "two.onnx", extra_output=True)
    assert "--output-name" in refused(capsys, path, "--preprocess", "unit", "--activation", "softmax")
    metadata = package(
        path, tmp_path, "--preprocess", "unit", "--activation", "softmax", "--output-name", "logits"
    )
    assert len(metadata.classes) == 2


def test_damaged_files_are_refused(tmp_path, capsys):
    path, _ = network(tmp_path / "model.onnx")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "copy or export it again" in refused(capsys, path, "--preprocess", "unit")
    path.write_bytes(b"")
    assert "empty" in refused(capsys, path, "--preprocess", "unit")
    assert "does not exist" in refused(capsys, tmp_path / "none.onnx", "--preprocess", "unit")
    path, _ = network(tmp_path / "outside.onnx", external=True)
    (tmp_path / "weights.bin").unlink()
    assert "weights.bin" in refused(capsys, path, "--preprocess", "unit")


def test_a_head_that_cannot_be_shared_out_is_packaged_without_attribution(tmp_path, capsys):
    path, _ = network(tmp_path / "model.onnx", between="Tanh", activation="Softmax")
    metadata = package(path, tmp_path, "--preprocess", "unit", "--positive", "class_1")
    assert metadata.attribution_columns_px == []
    assert "without attribution: its head has a Tanh" in capsys.readouterr().out


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hidden", [(), (6,), (9, 5)])
def test_grid_and_rest_are_the_margin_for_several_positives(activation, hidden, tmp_path):
    path, _ = network(tmp_path / "model.onnx", classes=4, hidden=hidden)
    source = open_source(path, Wanted())
    plain = assemble.assemble(source, NAMED["torch"], None, activation)
    whole, head = assemble.add_attribution(plain, [1, 3])
    images = generated_images(6)
    session = any_session(assemble.with_features(whole.model, head.features).SerializeToString())
    scores, cells, features = session.run(
        ["scores", "attribution", assemble.FEATURES], {"image": images}
    )
    explained = explain(head, features, [1, 3])
    assert np.allclose(cells.sum(axis=(1, 2)) + explained.rest, explained.margin, atol=1e-4)
    margin = proof.margin_of(scores, [1, 3], activation)
    tellable = np.abs(explained.margin) < 8
    assert tellable.any() and np.allclose(margin[tellable], explained.margin[tellable], atol=1e-2)
    bare, _ = run(open_session(plain.model.SerializeToString()), images)
    assert (bare == scores).all()


def test_a_cells_pixel_is_where_its_receptive_field_is_centred(tmp_path):
    path, features = network(tmp_path / "model.onnx")
    source = open_source(path, Wanted())
    plain = assemble.assemble(source, NAMED["unit"], None, "softmax")
    whole, head = assemble.add_attribution(plain, [1])
    session = any_session(assemble.with_features(whole.model, head.features).SerializeToString())
    columns, rows = grid.measure_cells(
        lambda images: session.run([assemble.FEATURES], {"image": images})[0]
    )
    # Two valid convolutions of 3 with strides of 4: cell i looks at the pixels 16i to 16i + 10.
    for centres in (columns, rows):
        assert np.allclose(np.array(centres) - 256 / len(centres) * np.arange(len(centres)), 5, atol=2)


def test_a_tile_is_resized_as_pillow_does_it():
    from PIL import Image

    images = generated_images(2)
    for size in (64, 224, 299):
        ours = fitted(images, "resize", size, size)
        pillows = [np.asarray(Image.fromarray(image).resize((size, size), Image.BILINEAR)) for image in images]
        assert np.abs(ours - np.stack(pillows)).max() <= 1.01
        assert np.allclose(resize_matrix(size).sum(axis=1), 1)


@pytest.mark.parametrize("preprocess", ["xception", "torch", "caffe", "unit"])
def test_the_first_convolution_absorbs_the_scaling_of_bytes_exactly(preprocess, tmp_path):
    path, _ = network(tmp_path / "model.onnx")
    source = open_source(path, Wanted())
    plain = assemble.assemble(source, NAMED[preprocess], None, "softmax")
    images = generated_images(4)
    expected, _ = run(open_session(plain.model.SerializeToString()), images)
    calibrated = quantise.calibrate(plain.model, images)
    assert calibrated.entry is not None
    # Nothing quantised but the entry: what is left is the absorbing alone.
    scores, _ = run(open_session(quantise.quantise(calibrated, only=[]).SerializeToString()), images)
    assert np.abs(scores - expected).max() < 2e-5


def test_a_first_convolution_that_pads_keeps_its_float_entry(tmp_path):
    path, _ = network(tmp_path / "model.onnx", pads=1)
    plain = assemble.assemble(open_source(path, Wanted()), NAMED["xception"], None, "softmax")
    assert quantise.calibrate(plain.model, generated_images(2)).entry is None


def test_int8_computes_with_bytes_up_to_the_pooling_and_in_float_behind(tmp_path):
    path, _ = network(tmp_path / "model.onnx")
    plain = assemble.assemble(open_source(path, Wanted()), NAMED["xception"], None, "softmax")
    images = generated_images(16)
    model = quantise.quantise(quantise.calibrate(plain.model, images))
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    graph = assemble.Graph(model)
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            weights = graph.maker.get(node.input[1])
            quantised = weights is not None and weights.op_type == "DequantizeLinear"
            assert quantised == (node.op_type == "Conv"), node.name
            if quantised:
                assert kinds[weights.input[0]] == TensorProto.INT8
        if node.op_type == "QuantizeLinear":
            assert kinds[node.input[2]] == TensorProto.UINT8
    expected, _ = run(open_session(plain.model.SerializeToString()), images)
    scores, _ = run(open_session(model.SerializeToString(), exact_bytes=True), images)
    assert np.abs(scores - expected).max() < 0.1


def test_behind_a_sum_that_others_need_a_relu_stays_among_bytes(tmp_path):
    path, _ = network(tmp_path / "model.onnx", shortcut=True)
    plain = assemble.assemble(open_source(path, Wanted()), NAMED["xception"], None, "softmax")
    images = generated_images(16)
    model = quantise.quantise(quantise.calibrate(plain.model, images))
    graph = assemble.Graph(model)
    # The other one is alone behind its sum, and became part of the step that makes its bytes.
    (cut,) = (node for node in model.graph.node if node.op_type == "Max")
    assert {user.op_type for user in graph.users[cut.output[0]]} == {"DequantizeLinear"}
    own = graph.maker[cut.input[0]]
    # The convolution beside it reads bytes that nothing but DequantizeLinear reads.
    back = graph.maker[own.input[0]]
    assert (own.op_type, back.op_type) == ("QuantizeLinear", "DequantizeLinear")
    assert own.input[1:] == back.input[1:]
    assert "Conv" in {user.op_type for user in graph.users[back.output[0]]}
    assert {user.op_type for user in graph.users[back.input[0]]} == {"DequantizeLinear"}
    trunk = graph.behind(find_pooling(graph, "scores"))
    assert not any(node.op_type == "Relu" for node in model.graph.node if node.name in trunk)
    expected, _ = run(open_session(plain.model.SerializeToString()), images)
    scores, _ = run(open_session(model.SerializeToString(), exact_bytes=True), images)
    assert np.abs(scores - expected).max() < 0.1


def test_keeping_the_layer_that_the_sensitivity_pass_puts_first_helps(tmp_path):
    path, _ = network(tmp_path / "model.onnx")
    model = onnx.load(path)
    # One channel of the first convolution thirty times the others: its bytes lose the rest.
    kernels = next(t for t in model.graph.initializer if list(t.dims) == [8, 3, 3, 3])
    array = numpy_helper.to_array(kernels).copy()
    array[0] *= 30
    kernels.CopyFrom(numpy_helper.from_array(array, kernels.name))
    onnx.save(model, path)
    plain = assemble.assemble(open_source(path, Wanted()), NAMED["xception"], None, "softmax")
    images = generated_images(8)
    calibrated = quantise.calibrate(plain.model, images)
    ranked = quantise.sensitivities(
        calibrated, images, lambda scores: proof.margin_of(scores, [1], "softmax")
    )
    assert sorted(quantise.readable(name for name, _ in ranked)) == ["conv1", "conv2"]
    assert ranked[0][1] >= ranked[1][1] > 0
    kept = quantise.quantise(calibrated, kept=[ranked[0][0]])
    expected, _ = run(open_session(plain.model.SerializeToString()), images)
    before, _ = run(open_session(quantise.quantise(calibrated).SerializeToString()), images)
    after, _ = run(open_session(kept.SerializeToString()), images)
    assert np.abs(after - expected).max() < np.abs(before - expected).max()


def labelled_by(path, folder, count, share=0.5):
    """A folder of generated tiles whose labels are what the model finds."""
    source = open_source(path, Wanted())
    images = generated_images(count)
    prepared = NAMED["unit"].apply(images.astype(np.float32))
    logits = np.concatenate([source.answer(prepared[at : at + 8]) for at in range(0, count, 8)])
    margin = logits[:, 1] - logits[:, 0]
    for label in ("tower", "negative"):
        (folder / label).mkdir(parents=True)
    for number, image in enumerate(images):
        label = "tower" if margin[number] > np.quantile(margin, 1 - share) else "negative"
        Image.fromarray(image).save(folder / label / f"{number}.png")
    return float(1 / (1 + np.exp(-np.quantile(margin, 1 - share))))


FLAGS = ("--classes", "no,tower", "--positive", "tower", "--preprocess", "unit",
         "--activation", "softmax")


def test_calibration_and_proof_look_at_different_tiles(tmp_path):
    path, _ = network(tmp_path / "model.onnx")
    threshold = labelled_by(path, tmp_path / "tiles", 96)
    about = package(path, tmp_path, *FLAGS, "--precision", "int8", "--calibrate",
                    tmp_path / "tiles", "--threshold", threshold)
    assert about.calibration["tiles"] == 32 and about.parity["tiles"] == 64
    assert about.calibration["from"] == "32 labelled tiles of tiles, 16 with a tower"
    assert about.parity["towers"] == 32
    page = (tmp_path / "m" / "1" / "report.html").read_text()
    assert "false of 32, source" in page and "GFLOP a tile" in page
    # Of two folders with the same tiles nothing is left for the proof.
    arguments = ["package", str(path), "-o", str(tmp_path), "--name", "same", *FLAGS]
    arguments += ["--precision", "int8", "--calibrate", str(tmp_path / "tiles")]
    copy = shutil.copytree(tmp_path / "tiles", tmp_path / "copy")
    assert main([*arguments, "--tiles", str(copy)]) == 2
    assert not (tmp_path / "same").exists()


def with_an_outlier(path, out, factor):
    """The model with a channel beside its first features that is `factor` times as large."""
    model = onnx.load(path)
    nodes = {node.name: node for node in model.graph.node}
    nodes["conv2"].input[0] = "wide"
    weights = numpy_helper.to_array(
        next(one for one in model.graph.initializer if one.name == nodes["conv2"].input[1])
    )
    more = np.concatenate([weights, np.zeros_like(weights[:, :1])], axis=1)
    new = [
        numpy_helper.from_array(np.full((1, 8, 1, 1), factor, np.float32), "factors"),
        numpy_helper.from_array(more, "more"),
    ]
    nodes["conv2"].input[1] = "more"
    made = [
        helper.make_node("Conv", ["relu1", "factors"], ["outlier"], name="outlier"),
        helper.make_node("Concat", ["relu1", "outlier"], ["wide"], name="wide", axis=1),
    ]
    place = [node.name for node in model.graph.node].index("conv2")
    for node in reversed(made):
        model.graph.node.insert(place, node)
    model.graph.initializer.extend(new)
    onnx.save(model, out)
    return out


def test_int8_that_fails_its_proof_names_the_layers_that_hurt_and_writes_nothing(tmp_path, capsys):
    path, _ = network(tmp_path / "plain.onnx")
    threshold = labelled_by(path, tmp_path / "tiles", 96)
    # The joined features share a range in which all but the outlier is nothing.
    wide = with_an_outlier(path, tmp_path / "wide.onnx", 3e3)
    said = refused(capsys, wide, *FLAGS, "--precision", "int8", "--calibrate", tmp_path / "tiles",
                   "--threshold", threshold)
    assert "int8: " in said and "expected" in said
    assert "the layers that hurt most" in said and "conv2 (" in said
    assert not (tmp_path / "m").exists()
    # In half precision the outlier still fits; a larger one does not.
    package(wide, tmp_path, *FLAGS, "--precision", "fp16", "--tiles", tmp_path / "tiles",
            "--threshold", threshold)
    wider = with_an_outlier(path, tmp_path / "wider.onnx", 3e4)
    said = refused(capsys, wider, *FLAGS, "--precision", "fp16", "--tiles", tmp_path / "tiles",
                   "--threshold", threshold)
    assert "beyond ±65504" in said and "outlier (" in said

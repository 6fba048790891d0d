import numpy as np
import onnx
import pytest

from hvmap_model import contract


@pytest.fixture
def model(demo):
    return onnx.load(demo)


def saved(model, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    return path


def test_metadata_are_read_as_they_were_written(model):
    before = contract.read(model)
    contract.write(model, before)
    after = contract.read(model)
    assert (after.canary_images == before.canary_images).all()
    before.canary_images = after.canary_images = np.zeros(0)
    assert str(after) == str(before)


def test_a_model_that_was_not_packaged_is_told(model, tmp_path):
    del model.metadata_props[:]
    with pytest.raises(contract.BrokenContract, match="hvmap.contract: expected '1', got None"):
        contract.check(saved(model, tmp_path))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("classes", '["one"]', "expected the shape"),
        ("classes", "one, two", "hvmap.classes is unreadable"),
        ("positives", '["mast"]', "positives"),
        ("activation", "relu", "activation 'relu'"),
        ("training", "guessed", "training 'guessed'"),
        ("threshold", "1.5", "threshold 1.5"),
        ("canary_images", "AAAA", "hvmap.canary_images is unreadable"),
        ("canary_scores", "[[0.5, 0.5]]", "canary_scores"),
    ],
)
def test_a_wrong_key_is_named(model, tmp_path, key, value, message):
    for entry in model.metadata_props:
        if entry.key == f"hvmap.{key}":
            entry.value = value
    with pytest.raises(contract.BrokenContract, match=message):
        contract.check(saved(model, tmp_path))


def test_a_missing_output_is_told(model, tmp_path):
    scores = next(value for value in model.graph.output if value.name == "scores")
    model.graph.output.remove(scores)
    with pytest.raises(contract.BrokenContract, match="there is no 'scores'"):
        contract.check(saved(model, tmp_path))


def test_a_file_that_is_no_model_is_told(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(contract.BrokenContract, match="is no ONNX model"):
        contract.check(path)

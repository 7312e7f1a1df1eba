"""What a conversion leaves behind, and what it says where it fails."""

import json
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

from biometrics.thresholds.pack import EXPORTS
from components.trainer import conversions
from components.trainer.conversions import write_exports
from serving.exports import FAILURES_FILE, export_folder
from serving.opened_export import open_export


@pytest.fixture(scope="module")
def model():
    """From the mean of each of four colours of a patch to a vector of length 1."""
    pixels = keras.Input((4, 4, 3))
    means = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(pixels))
    return keras.Model(pixels, keras.layers.UnitNormalization()(means))


def no_images():
    raise AssertionError("only int8 needs images")


def failures_in(folder):
    return json.loads(Path(folder, EXPORTS, FAILURES_FILE).read_text())


def test_a_model_without_exports_gets_no_folder_for_them(model, tmp_path):
    assert write_exports(model, [], str(tmp_path), no_images) == {}
    assert list(tmp_path.iterdir()) == []


def test_an_export_names_its_tensors_and_takes_any_number_of_images(model, tmp_path):
    assert write_exports(model, ["onnx"], str(tmp_path), no_images) == {}
    session = onnxruntime.InferenceSession(f"{export_folder(tmp_path, 'onnx')}/model.onnx")
    assert [node.name for node in session.get_inputs()] == ["pixels"]
    assert [node.name for node in session.get_outputs()] == ["embedding"]
    embed = open_export("onnx", export_folder(tmp_path, "onnx"))
    pixels = np.random.default_rng(0).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)
    for count in (1, 7):
        expected = model.predict(pixels[:count], verbose=0)
        np.testing.assert_allclose(embed(pixels[:count]), expected, atol=1e-6)
    assert failures_in(tmp_path) == {}


def test_a_conversion_that_fails_is_named_and_spoils_no_other(model, tmp_path, monkeypatch):
    def fails(model, path, images):
        Path(path).write_bytes(b"half of it")
        raise ValueError("no such operation\nin this runtime")

    monkeypatch.setitem(conversions._CONVERTERS, "litert", fails)
    failures = write_exports(model, ["litert", "onnx"], str(tmp_path), no_images)
    assert failures == {"litert": "ValueError: no such operation in this runtime"}
    assert failures_in(tmp_path) == failures
    assert not Path(export_folder(tmp_path, "litert")).exists()
    assert Path(export_folder(tmp_path, "onnx"), "model.onnx").exists()

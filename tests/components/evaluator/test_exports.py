"""Exports: made by the Trainer, held against the model by FaceEvaluator, pushed by the Pusher."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks.steps import run_example_gen, run_transform
from biometrics.thresholds.pack import EXPORTS
from components.trainer.backbones import registry
from components.trainer.conversions import write_exports
from groundfloor.errors import UserError
from serving.exports import KINDS, export_folder
from serving.model_dir import UnusableModelError, load_pack
from serving.opened_export import open_export
from tests.components.trainer.small import tiny_network
from tests.conftest import LENIENT, write_faces
from tests.stages import SMALL_MODEL, run_evaluator, run_pusher, run_trainer

FLOAT = ("onnx", "litert", "openvino")


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    source = write_faces(folder / "faces", people=10, shots=5)
    examples = run_example_gen(source, folder / "gen", test_split=0.4)["examples"]
    return run_transform(examples, folder / "transform", tuple(SMALL_MODEL.input_shape))


@pytest.fixture(scope="module")
def model(transformed, tmp_path_factory):
    """With every export; those of OpenVINO and ONNX in int8 are then spoilt."""
    folder = tmp_path_factory.mktemp("trained")
    settings = SMALL_MODEL.model_copy(update={"export": list(KINDS)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(registry.BACKBONES, settings.backbone, tiny_network)
        outputs = run_trainer(transformed, folder, settings)
    path = Path(outputs["model"].uri) / "Format-Serving"
    embedding_model = keras.saving.load_model(Path(outputs["model_run"].uri) / "best.keras")
    pixels = keras.Input((32, 32, 3))
    swapped = keras.Model(pixels, embedding_model(keras.ops.flip(pixels, axis=3)))
    write_exports(swapped, ["openvino"], str(path), lambda: np.zeros(0))
    Path(export_folder(path, "onnx_int8"), "model.onnx").write_bytes(b"no model")
    return outputs["model"]


@pytest.fixture(scope="module")
def evaluated(transformed, model, tmp_path_factory):
    return run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path_factory.mktemp("evaluated"),
        **LENIENT,
        bounds={"EER": {"max": 0.99}},
    )


@pytest.fixture(scope="module")
def exports(evaluated):
    path = Path(evaluated["evaluation"].uri) / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8"))["exports"]


@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_an_export_that_embeds_the_test_images_as_the_model_does_passes(exports, name):
    assert exports[name]["passed"]
    assert exports[name]["least_cosine"] >= 0.99999


def test_swapped_channels_in_an_export_are_found(exports):
    assert not exports["openvino"]["passed"]
    assert "it embeds the test images otherwise than the model" in exports["openvino"]["reason"]


def test_an_export_that_no_runtime_opens_is_named_with_the_reason(exports):
    assert not exports["onnx_int8"]["passed"]
    assert "cannot load the model" in exports["onnx_int8"]["reason"]


def test_what_int8_costs_is_measured_on_the_same_pairs_by_thresholds_of_its_own(exports):
    int8 = exports["litert_int8"]
    assert int8["passed"]
    assert 0.95 < int8["mean_cosine"] < 0.999999
    assert {"EER", "AUC", "TAR@FAR=1e-01"} <= int8["figures"].keys()
    for figure in int8["figures"].values():
        low, high = figure["interval"]
        assert low <= figure["export"] - figure["model"] <= high
    assert not any("figures" in exports[name] for name in FLOAT)


@pytest.fixture(scope="module")
def pushed(model, evaluated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pushed")
    artifact = run_pusher(model, evaluated["blessing"], folder / "serving", folder)
    (version,) = (folder / "serving").iterdir()
    return version, Path(artifact.uri)


def test_only_exports_that_passed_are_pushed_and_the_thresholds_vouch_for_each(pushed, exports):
    expected = {name for name, export in exports.items() if export["passed"]}
    assert expected == {"onnx", "litert", "litert_int8"}
    for folder in pushed:
        assert {path.name for path in (folder / EXPORTS).iterdir() if path.is_dir()} == expected
        vouched = load_pack(folder).exports
        assert vouched.keys() == expected
        assert 0 < vouched["onnx"].farthest < 1e-5 < vouched["litert_int8"].farthest


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"another")])
def test_a_pushed_model_whose_export_was_changed_is_none(pushed, tmp_path, spoil):
    copy = shutil.copytree(pushed[0], tmp_path / "1")
    spoil(Path(export_folder(copy, "onnx"), "model.onnx"))
    with pytest.raises(UnusableModelError, match="files of the export are missing or were changed"):
        load_pack(copy)


def test_an_export_that_was_changed_after_its_evaluation_is_not_pushed(model, evaluated, tmp_path):
    changed = shutil.copytree(model.uri, tmp_path / "model")
    Path(export_folder(changed / "Format-Serving", "litert"), "model.tflite").write_bytes(b"x")
    artifact = type(model)()
    artifact.uri = str(changed)
    with pytest.raises(UserError, match="its export litert is not as evaluated"):
        run_pusher(artifact, evaluated["blessing"], tmp_path / "serving", tmp_path)


def test_a_pushed_export_embeds_without_tensorflow(pushed):
    embed = open_export("onnx", export_folder(pushed[0], "onnx"))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    embeddings = embed(pixels)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(embed(pixels[1:2]), embeddings[1:2], atol=1e-6)

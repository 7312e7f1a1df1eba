"""What models of every kind promise, and what is refused of each."""

import subprocess
import sys

import numpy as np
import pytest

from groundfloor.errors import UserError
from serving.models import KINDS, is_model, open_model
from serving.models.model import ModelInput, in_batches
from tests import ROOT
from tests.serving.models import files


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Kind -> the network as that kind."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "onnx": files.onnx_file(folder / "model.onnx"),
        "keras": files.keras_file(folder / "model.keras"),
        "saved_model": files.saved_model(folder / "saved"),
        "litert": files.litert_file(folder / "model.tflite"),
        "openvino": files.openvino_file(folder / "model.xml"),
    }


KINDS_OF_FILES = ("onnx", "keras", "saved_model", "litert", "openvino")


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("count", [1, 7])
def test_every_kind_embeds_as_the_network_does(places, kind, count):
    model = open_model(str(places[kind]), trust_model=True)
    images = files.pixels(count)
    embeddings = model.embed_pixels(images)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, files.expected(images), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_every_kind_says_what_it_takes(places, kind):
    model = open_model(str(places[kind]), trust_model=True)
    assert model.name == str(places[kind])
    assert model.input.dtype == "float32"
    assert model.input.layout == "nhwc"
    assert model.input.in_layout("nhwc") == (8, 8, 3)
    assert model.prepared is None


@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_what_is_a_program_is_loaded_only_if_trusted(places, kind):
    with pytest.raises(UserError, match="--trust-model"):
        open_model(str(places[kind]))


@pytest.mark.parametrize("name", ["a.onnx", "a.tflite", "a.keras", "a.xml"])
def test_a_file_that_is_no_model_is_one_message(tmp_path, name):
    place = tmp_path / name
    with pytest.raises(UserError, match=f"cannot read the model .*{name}: No such file"):
        open_model(str(place), trust_model=True)
    place.write_bytes(b"no model")
    with pytest.raises(UserError, match=f"cannot load the model .*{name}: ") as error:
        open_model(str(place), trust_model=True)
    assert "\n" not in str(error.value)


def test_another_place_is_refused_with_what_models_are():
    with pytest.raises(UserError, match=r"no model at 'model\.pth': .*\.onnx, .*\.tflite"):
        open_model("model.pth")


def test_a_folder_alone_is_not_taken_for_a_model(tmp_path):
    assert not is_model(str(tmp_path))
    assert is_model("https://host/v2/models/arcface")
    assert is_model("MODEL.ONNX")


def test_each_kind_has_an_opener_of_its_own():
    assert set(KINDS) == {"http", *KINDS_OF_FILES}


def test_onnx_needs_no_tensorflow(places):
    code = (
        "import sys; from serving.models import open_model; "
        f"open_model({str(places['onnx'])!r}); "
        "sys.exit(str(sorted({'tensorflow', 'keras'} & set(sys.modules)) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "\n"


def test_without_onnx_runtime_the_extra_is_named(places, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'arcface-pipeline\[export\]'"):
        open_model(str(places["onnx"]))


def test_a_network_of_a_fixed_batch_embeds_any_number(tmp_path):
    model = open_model(str(files.onnx_file(tmp_path / "a.onnx", batch=3)))
    images = files.pixels(7)
    np.testing.assert_allclose(model.embed_pixels(images), files.expected(images), atol=1e-4)


def test_of_several_outputs_the_one_called_embedding_is_taken(tmp_path):
    model = open_model(str(files.onnx_file(tmp_path / "a.onnx", outputs=2)))
    images = files.pixels(2)
    np.testing.assert_allclose(model.embed_pixels(images), files.expected(images), atol=1e-4)


def test_an_input_of_nchw_is_told_from_its_shape(tmp_path):
    model = open_model(str(files.onnx_file(tmp_path / "a.onnx", layout="nchw")))
    assert (model.input.layout, model.input.in_layout("nchw")) == ("nchw", (8, 8, 3))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((None, 112, 112, 3), "nhwc"),
        ((1, 3, None, None), "nchw"),
        ((None, None, None, 1), "nhwc"),
        ((None, 3, 112, 3), None),
        ((None, None, None, None), None),
        ((None, 4, 112, 112), None),
    ],
)
def test_a_layout_is_said_only_where_the_shape_leaves_no_doubt(shape, layout):
    assert ModelInput(shape, "float32").layout == layout


@pytest.mark.parametrize("integers", ["int8", "uint8"])
def test_a_quantised_network_takes_and_gives_what_its_integers_stand_for(tmp_path, integers):
    path = files.litert_file(tmp_path / "a.tflite", integers=integers)
    model = open_model(str(path))
    images = files.pixels(7)
    assert model.input.dtype == "float32"
    wanted = files.expected(images)
    steps = np.abs(wanted).max() / 128
    np.testing.assert_allclose(model.embed_pixels(images), wanted, atol=3 * steps)


def test_numbers_that_are_not_finite_are_no_embeddings(tmp_path):
    model = open_model(str(files.onnx_file(tmp_path / "a.onnx")))
    with pytest.raises(UserError, match="not finite"):
        model.embed_pixels(np.full((1, 8, 8, 3), np.inf, np.float32))


def test_an_output_that_is_no_vector_is_refused(tmp_path):
    path = files.onnx_file(tmp_path / "a.onnx", batch=1)
    model = open_model(str(path))
    with pytest.raises(UserError, match="cannot embed"):
        model.embed_pixels(np.zeros((1, 9, 8, 3), np.float32))


def test_batches_are_filled_up_and_nothing_is_left_over():
    seen = []

    def run(part):
        seen.append(part.tolist())
        return part[:, None]

    out = in_batches(run, np.arange(5), 2)
    assert seen == [[0, 1], [2, 3], [4, 4]]
    assert out[:, 0].tolist() == [0, 1, 2, 3, 4]

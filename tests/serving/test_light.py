"""An export in use gives what the SavedModel gives, and leaves to it what it cannot do."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from faces.images.light.decode import NeedsTensorFlowError
from faces.images.template import TEMPLATE
from groundfloor.errors import UserError
from serving import light
from serving.choice import ChosenModel, choose_model
from serving.embedder import Embedder
from serving.exports import export_folder
from serving.light import open_light
from tests.conftest import draw_face, encoded
from tests.serving.exported_model import push_exported

FACE = draw_face(1, 1, size=(120, 90))
LANDMARKS = tuple((TEMPLATE * 0.7 + 9).ravel().tolist())
FILES = {
    "jpeg": encoded(FACE, "jpeg"),
    "png": encoded(FACE, "png"),
    "webp": encoded(FACE, "webp"),
    "grey": encoded(FACE.convert("L"), "jpeg"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    push_exported(folder / "1", ("onnx", "onnx_int8"), resize="crop")
    return choose_model(folder, trust_model=False)


@pytest.fixture(scope="module")
def embedder(model):
    return Embedder(model.path)


@pytest.fixture(scope="module")
def lightly(model):
    return open_light(model)


@pytest.mark.parametrize("landmarks", [None, LANDMARKS])
@pytest.mark.parametrize("name", FILES)
def test_an_image_is_seen_as_the_saved_model_sees_it(embedder, lightly, name, landmarks):
    ours = lightly.see(Path(name), FILES[name], landmarks)
    theirs = embedder.see(Path(name), FILES[name], landmarks)
    np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    np.testing.assert_allclose(ours.embedding, theirs.embedding, atol=1e-6)
    for field in ("name", "height", "width", "unprepared"):
        assert getattr(ours, field) == getattr(theirs, field)


@pytest.mark.parametrize(
    ("content", "landmarks"),
    [
        (b"text", None),
        (b"", None),
        (FILES["png"][:-40], None),
        (FILES["png"], tuple((TEMPLATE[[1, 0, 2, 4, 3]] * 0.7).ravel())),
        (FILES["png"], tuple((TEMPLATE + 500).ravel())),
    ],
    ids=["text", "empty", "cut", "mirrored landmarks", "landmarks outside"],
)
def test_it_is_refused_in_the_same_words(embedder, lightly, content, landmarks):
    messages = []
    for either in (embedder, lightly):
        with pytest.raises(UserError) as refusal:
            either.see(Path("a.png"), content, landmarks)
        messages.append(str(refusal.value))
    assert messages[0] == messages[1]


def test_an_image_that_tensorflow_has_to_decode_is_left_to_it(lightly):
    with pytest.raises(NeedsTensorFlowError):
        lightly.see(Path("cmyk.jpg"), encoded(FACE.convert("CMYK"), "jpeg"))


def test_a_face_that_has_to_be_found_is_left_to_the_detector(model, lightly):
    searching = dataclasses.replace(lightly.prepared.preprocessing, detector="mtcnn")
    prepared = dataclasses.replace(lightly.prepared, preprocessing=searching)
    detecting = dataclasses.replace(lightly, prepared=prepared)
    with pytest.raises(NeedsTensorFlowError):
        detecting.see(Path("a.png"), FILES["png"])
    assert detecting.see(Path("a.png"), FILES["png"], LANDMARKS).embedding.shape == (8,)


def test_landmarks_for_a_model_that_aligns_none_are_refused(tmp_path):
    push_exported(tmp_path / "1", align=False)
    lightly = open_light(choose_model(tmp_path, trust_model=False))
    with pytest.raises(UserError, match="landmarks are given, and it aligns none"):
        lightly.see(Path("a.png"), FILES["png"], LANDMARKS)


def test_a_verdict_within_doubt_is_not_decided(lightly):
    sure = dataclasses.replace(lightly, farthest=1e-3)
    assert sure.doubt > 2e-3
    assert not sure.decides(0.6 + sure.doubt / 2, 0.6)
    assert sure.decides(0.6 + 2 * sure.doubt, 0.6)
    assert sure.decides(0.6, None)


def without_exports(model, monkeypatch):
    return dataclasses.replace(model, pack=dataclasses.replace(model.pack, exports={}))


def only_int8(model, monkeypatch):
    exports = {"onnx_int8": model.pack.exports["onnx_int8"]}
    return dataclasses.replace(model, pack=dataclasses.replace(model.pack, exports=exports))


def without_thresholds(model, monkeypatch):
    return ChosenModel(model.path, None)


def without_runtime(model, monkeypatch):
    monkeypatch.setattr(light, "is_installed", lambda package: False)
    return model


@pytest.mark.parametrize(
    "change", [without_exports, only_int8, without_thresholds, without_runtime]
)
def test_a_model_that_no_float_export_runs_for_has_none(model, monkeypatch, change):
    assert open_light(change(model, monkeypatch)) is None


def test_an_export_that_does_not_open_leaves_the_saved_model(model, tmp_path):
    push_exported(tmp_path / "1")
    chosen = choose_model(tmp_path, trust_model=False)
    Path(export_folder(chosen.path, "onnx"), "model.onnx").write_bytes(b"of another runtime")
    assert open_light(chosen) is None

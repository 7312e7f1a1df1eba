"""An image is prepared for training, measuring and serving in one way: the steps, run for real."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from benchmarks.steps import new_artifact, run_example_gen, run_transform
from biometrics.embeddings import EmbeddingSet
from faces.images.decode import decode_and_resize
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages
from faces.storage import read_split
from serving.embedder import Embedder
from serving.signatures import EMBEDDING_KEY, PIXELS_SIGNATURE
from tests.conftest import write_faces
from tests.faces.placed import LANDMARKS_HEADER, face_rows
from tests.faces.sources.tables import write_csv
from tests.stages import files_of, run_evaluator, run_trainer

SHAPE = (32, 32, 3)
KNOWN = {"boxed": 3, "unknown": 2}
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of faces, with a manifest that says where most of them are."""
    home = write_faces(tmp_path_factory.mktemp("home") / "faces", people=8, shots=5)
    write_csv(home / "faces.csv", face_rows(home, **KNOWN), LANDMARKS_HEADER)
    return home


@pytest.fixture(scope="module")
def landmarks(home):
    """The key of an image -> what the manifest says of its face; None: no landmarks."""
    return {row[0]: None if row[2] == "" else tuple(row[2:12]) for row in face_rows(home, **KNOWN)}


@pytest.fixture(scope="module")
def examples(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gen")
    return run_example_gen(home / "faces.csv", folder, test_split=0.4)["examples"]


def prepared_images(folder):
    return PreparedImages.from_json((Path(folder) / PREPROCESSING_FILE).read_text())


def images_of(outputs):
    """Key -> pixels, of all splits."""
    arrays = [
        read_split(files_of(outputs["transformed_examples"], split), SHAPE) for split in SPLITS
    ]
    return {
        key.decode(): pixels
        for split in arrays
        for key, pixels in zip(split["image/key"], split["image"], strict=True)
    }


@pytest.fixture(scope="module")
def aligned(examples, tmp_path_factory):
    return run_transform(examples, tmp_path_factory.mktemp("aligned"), SHAPE)


def test_how_many_images_are_aligned_is_counted_and_kept_with_the_examples(aligned):
    artifact = aligned["transformed_examples"]
    prepared = prepared_images(artifact.uri)
    assert prepared.total() == {"aligned": 35, "boxed": 3, "whole": 2}
    assert prepared.preprocessing.input_shape == SHAPE
    counts = [artifact.get_int_custom_property(name) for name in ("aligned", "boxed", "whole")]
    assert counts == [35, 3, 2]
    (remark,) = prepared.remarks()
    assert "2 (5.0 %) taken whole" in remark


def test_the_pixels_are_those_of_the_one_function(aligned, home, landmarks):
    prepared = prepared_images(aligned["transformed_examples"].uri).preprocessing
    nothing, box = tf.fill([1, 4], np.nan), tf.constant([[5.0, 4.0, 35.0, 44.0]])
    boxed = [key for key, points in landmarks.items() if points is None][: KNOWN["boxed"]]
    for key, pixels in images_of(aligned).items():
        points = tf.constant([landmarks[key] or [np.nan] * 10], tf.float32)
        file = tf.constant([(home / key).read_bytes()])
        expected = prepared.batch(file, points, box if key in boxed else nothing)
        np.testing.assert_array_equal(pixels, expected[0], err_msg=key)


def test_without_alignment_the_pixels_are_those_of_a_source_that_knows_nothing(
    examples, home, tmp_path
):
    outputs = run_transform(examples, tmp_path / "run", SHAPE, align=False, resize="crop")
    assert prepared_images(outputs["transformed_examples"].uri).total() == {"whole": 40}
    for key, pixels in images_of(outputs).items():
        file = tf.constant([(home / key).read_bytes()])
        np.testing.assert_array_equal(pixels, decode_and_resize(file, SHAPE, "crop")[0])


@pytest.fixture(scope="module")
def model(aligned, tmp_path_factory):
    return run_trainer(aligned, tmp_path_factory.mktemp("trained"))["model"]


def test_an_aligned_image_is_embedded_alike_when_it_is_measured_and_when_it_is_served(
    aligned, model, home, landmarks, tmp_path
):
    assert_parity(aligned, model, home, landmarks, tmp_path)


@pytest.mark.parametrize("image", [{"resize": "pad"}, {"resize": "crop"}])
def test_so_is_one_that_is_padded_or_cropped(image, examples, home, landmarks, tmp_path):
    transformed = run_transform(examples, tmp_path / "transform", SHAPE, align=False, **image)
    model = run_trainer(transformed, tmp_path / "trained")["model"]
    assert_parity(transformed, model, home, dict.fromkeys(landmarks), tmp_path)


def assert_parity(transformed, model, home, landmarks, tmp_path):
    """Of the test split, in the evaluator and in use; with swapped colours it would be noticed."""
    examples = transformed["transformed_examples"]
    folder = Path(model.uri) / "Format-Serving"
    assert prepared_images(folder) == prepared_images(examples.uri)
    outputs = run_evaluator(examples, model, tmp_path / "evaluated")
    file = Path(outputs["evaluation"].uri) / "embeddings.npz"
    measured = EmbeddingSet.read_npz(file)
    embedder = Embedder(folder)
    pixels = images_of(transformed)
    swapped = tf.saved_model.load(str(folder)).signatures[PIXELS_SIGNATURE]
    for key, embedding in zip(measured.keys, measured.embeddings, strict=True):
        seen = embedder.see(home / key, (home / key).read_bytes(), landmarks[key])
        np.testing.assert_array_equal(seen.pixels, pixels[key])
        assert seen.embedding @ embedding >= 0.999
        wrong = swapped(pixels=pixels[key][np.newaxis, ..., ::-1])[EMBEDDING_KEY][0]
        assert wrong.numpy() @ embedding < 0.999
    assert len(measured.keys) == 15


def test_a_model_whose_images_were_prepared_otherwise_is_not_compared_with(
    aligned, model, tmp_path
):
    shutil.copytree(model.uri, tmp_path / "baseline")
    baseline = new_artifact(standard_artifacts.Model, tmp_path / "baseline", artifact_id=2)
    file = Path(baseline.uri) / "Format-Serving" / PREPROCESSING_FILE
    values = json.loads(file.read_text())
    values["preprocessing"]["resize"] = "pad"
    file.write_text(json.dumps(values))
    examples = aligned["transformed_examples"]
    outputs = run_evaluator(examples, model, tmp_path / "run", baseline=baseline)
    metrics = json.loads((Path(outputs["evaluation"].uri) / "metrics.json").read_text())
    assert "latest blessed model" not in metrics["baselines"]
    reasons = (Path(outputs["blessing"].uri) / "reasons.txt").read_text()
    assert "taken whole, resized by pad; those of this one" in reasons

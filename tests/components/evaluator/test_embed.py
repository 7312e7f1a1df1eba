"""Images from elsewhere go through what the model's training images went through."""

import hashlib
import pickle

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.evaluator.embed import EmbedImages
from faces.detection import Face, location
from faces.images.align import TEMPLATE
from faces.images.preprocess import Preprocessing, batch_of
from faces.record import Record
from tests.conftest import draw_face, encoded
from tests.serving.prepared_model import save_model

FILE = encoded(draw_face(1, 1, (90, 80)), "png")
LANDMARKS = tuple(map(float, (TEMPLATE * 0.7).ravel()))
BOX = (10.0, 5.0, 70.0, 75.0)


class Files:
    """The same file for each record."""

    def opened(self):
        return lambda record: FILE


class Tells:
    """A detector that finds one face, or none."""

    name = "mtcnn"

    def __init__(self, *faces):
        self.faces = list(faces)

    def detect(self, images):
        return [self.faces for _ in images]


def write(fact, path):
    """Beam's own copy of a list would stay with Beam."""
    path.write_bytes(pickle.dumps(fact))


@pytest.fixture
def facts_of(tmp_path):
    def find(model, record):
        """What is found out about one image."""
        path = tmp_path / "fact"
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            _, facts = pipeline | EmbedImages(
                [record], Files(), str(model), 4, 10_000, folder=str(tmp_path)
            )
            _ = facts | beam.Map(write, path)
        return pickle.loads(path.read_bytes())

    return find


def picture_of(landmarks=None, box=None, **preprocessing):
    """The digest of the pixels that training would have made of the file."""
    pixels = Preprocessing((32, 32, 3), **preprocessing).batch(
        *batch_of([FILE], [landmarks], [box])
    )
    assert np.ptp(pixels.numpy()) > 0
    return hashlib.sha256(pixels.numpy().tobytes()).digest()


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_they_get_the_shape_as_training_images_did(facts_of, tmp_path, resize):
    model = save_model(tmp_path / "model", {"whole": 9}, resize=resize)
    fact = facts_of(model, Record("a", "ann"))
    assert (fact.reason, fact.picture) == ("", picture_of(resize=resize))


def test_they_are_aligned_by_what_their_source_says(facts_of, tmp_path):
    model = save_model(tmp_path / "model", {"aligned": 9})
    plain = facts_of(model, Record("a", "ann")).picture
    aligned = facts_of(model, Record("a", "ann", landmarks=LANDMARKS)).picture
    boxed = facts_of(model, Record("a", "ann", box=BOX)).picture
    assert (plain, aligned, boxed) == (picture_of(), picture_of(LANDMARKS), picture_of(None, BOX))
    assert len({plain, aligned, boxed}) == 3


def test_a_model_that_aligns_nothing_takes_them_whole(facts_of, tmp_path):
    model = save_model(tmp_path / "model", {"whole": 9}, align=False)
    assert facts_of(model, Record("a", "ann", landmarks=LANDMARKS)).picture == picture_of()


def test_the_detector_that_looked_at_the_training_images_looks_at_them(
    facts_of, tmp_path, monkeypatch
):
    model = save_model(tmp_path / "model", {"aligned": 9}, detector="mtcnn")
    faces = [Face(BOX, LANDMARKS, 0.9)]
    monkeypatch.setattr(location, "find_detector", lambda name: {"mtcnn": Tells(*faces)}[name])
    assert facts_of(model, Record("a", "ann")).picture == picture_of(LANDMARKS)
    faces.clear()
    fact = facts_of(model, Record("a", "ann"))
    assert (fact.reason, fact.picture) == ("no face", b"")


def test_landmarks_that_are_of_no_face_are_a_reason(facts_of, tmp_path):
    model = save_model(tmp_path / "model", {"aligned": 9})
    fact = facts_of(model, Record("a", "ann", landmarks=(5.0,) * 10))
    assert fact.reason.startswith("landmarks within a pixel of each other")


def test_the_definition_of_the_pipeline_is_as_small_for_many_images_as_for_few(tmp_path):
    def size_of(images):
        records = [Record(f"person{number}/1.jpg", f"person{number}") for number in range(images)]
        pipeline = beam.Pipeline(runner=FnApiRunner())
        _ = pipeline | EmbedImages(records, Files(), "model", 4, 10_000, folder=str(tmp_path))
        return pipeline.to_runner_api().ByteSize()

    assert size_of(10_000) - size_of(10) < 100

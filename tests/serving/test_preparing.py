"""A model in use prepares an image as its training images were, or says that it does not."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from faces.detection import Face
from faces.images.align import TEMPLATE
from faces.images.preprocess import PREPROCESSING_FILE, Preprocessing
from groundfloor.errors import UserError
from serving.embedder import Embedder
from tests.conftest import draw_face, encoded
from tests.serving.dark_model import Dark
from tests.serving.prepared_model import save_model

PATH = Path("a.png")
FILE = encoded(draw_face(1, 1, (90, 80)), "png")
LANDMARKS = tuple((TEMPLATE * 0.7).ravel())
NEARBY = tuple((TEMPLATE * 0.4 + np.array([40, 20])).ravel())
MIRRORED = tuple((TEMPLATE * [-0.7, 0.7] + np.array([90, 0])).ravel())


class FakeDetector:
    """Finds what it is told to, and keeps what it was shown."""

    name = "fake"

    def __init__(self, *landmarks):
        self.faces = [
            Face((*points[:2], points[0] + 40.0 / number, points[1] + 40.0), points, 0.9)
            for number, points in enumerate(landmarks, start=1)
        ]
        self.seen = []

    def detect(self, images):
        self.seen += images
        return [self.faces for _ in images]


def pixels_of(landmarks, box=(np.nan,) * 4, **preprocessing):
    points = [[np.nan] * 10] if landmarks is None else [landmarks]
    batch = tf.constant([FILE]), tf.constant(points, tf.float32), tf.constant([box], tf.float32)
    return Preprocessing((32, 32, 3), **preprocessing).batch(*batch)[0]


def test_a_face_that_is_found_is_aligned(tmp_path):
    model = save_model(tmp_path, {"aligned": 9}, detector="mtcnn")
    detector = FakeDetector(LANDMARKS)
    seen = Embedder(model, detector).see(PATH, FILE)
    np.testing.assert_array_equal(seen.pixels, pixels_of(LANDMARKS))
    assert seen.unprepared == ()
    (shown,) = detector.seen
    np.testing.assert_array_equal(shown, np.asarray(draw_face(1, 1, (90, 80))))


def test_a_detector_is_shown_three_channels_by_a_model_of_one(tmp_path):
    detector = FakeDetector(LANDMARKS)
    grey = encoded(draw_face(1, 1, (90, 80)).convert("L"), "png")
    Embedder(save_model(tmp_path, {"aligned": 9}), detector).see(PATH, grey)
    assert detector.seen[0].shape == (80, 90, 3)


def test_which_of_several_faces_is_taken_is_what_training_took(tmp_path):
    both = FakeDetector(LANDMARKS, NEARBY)
    largest = save_model(tmp_path / "largest", {"aligned": 9}, detector="mtcnn")
    seen = Embedder(largest, both).see(PATH, FILE)
    np.testing.assert_array_equal(seen.pixels, pixels_of(LANDMARKS))
    strict = save_model(tmp_path / "strict", {"aligned": 9}, faces="quarantine", detector="mtcnn")
    with pytest.raises(UserError, match=r"a.png is no usable image for this model: several faces"):
        Embedder(strict, both).see(PATH, FILE)


def test_an_image_without_a_face_is_refused_or_said_to_be_taken_whole(tmp_path):
    refusing = save_model(tmp_path / "a", {"aligned": 9}, detector="mtcnn")
    with pytest.raises(UserError, match=r"a.png is no usable image for this model: no face"):
        Embedder(refusing, FakeDetector()).see(PATH, FILE)
    taking = save_model(tmp_path / "b", {"aligned": 9}, detector="mtcnn", no_face="resize")
    seen = Embedder(taking, FakeDetector()).see(PATH, FILE)
    np.testing.assert_array_equal(seen.pixels, pixels_of(None))
    (reason,) = seen.unprepared
    assert reason.endswith("are faces aligned by five landmarks: no face was found in it")


def test_what_a_detector_takes_for_a_face_and_is_none_is_refused(tmp_path):
    model = save_model(tmp_path, {"aligned": 9}, detector="mtcnn")
    with pytest.raises(UserError, match="not as in a face"):
        Embedder(model, FakeDetector(MIRRORED)).see(PATH, FILE)


def test_landmarks_that_are_given_are_used_and_no_detector_is_asked(tmp_path):
    detector = FakeDetector(NEARBY)
    seen = Embedder(save_model(tmp_path, {"aligned": 9}), detector).see(PATH, FILE, LANDMARKS)
    np.testing.assert_array_equal(seen.pixels, pixels_of(LANDMARKS))
    assert (seen.unprepared, detector.seen) == ((), [])


def test_an_image_that_cannot_be_aligned_is_said_to_be_taken_as_it_is(tmp_path):
    seen = Embedder(save_model(tmp_path, {"aligned": 9, "whole": 1})).see(PATH, FILE)
    np.testing.assert_array_equal(seen.pixels, pixels_of(None))
    assert seen.unprepared == (
        "it is taken as it is, and the model's own images are faces aligned by five landmarks: "
        "its landmarks were not given (--landmarks)",
    )


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_model_of_whole_images_resizes_as_in_training_and_says_nothing(resize, tmp_path):
    seen = Embedder(save_model(tmp_path, {"whole": 9}, resize=resize)).see(PATH, FILE)
    np.testing.assert_array_equal(seen.pixels, pixels_of(None, resize=resize))
    assert seen.unprepared == ()


def test_landmarks_for_a_model_that_aligns_none_are_refused(tmp_path):
    Dark(3).save(tmp_path)  # as models were before they said what their images went through
    with pytest.raises(UserError, match="landmarks are given, and it aligns none"):
        Embedder(tmp_path).see(PATH, FILE, LANDMARKS)
    assert Embedder(tmp_path).see(PATH, FILE).unprepared == ()


def test_a_file_of_another_model_is_refused(tmp_path):
    Dark(1).save(tmp_path / "model")
    other = save_model(tmp_path / "other", {"whole": 1}) / PREPROCESSING_FILE
    (tmp_path / "model" / PREPROCESSING_FILE).write_text(other.read_text())
    with pytest.raises(
        UserError, match=r"preprocessing.json is of another model: .* \(32, 32, 1\)"
    ):
        Embedder(tmp_path / "model")


def test_each_of_many_images_is_prepared_by_what_is_known_of_its_face(tmp_path):
    embedder = Embedder(save_model(tmp_path, {"aligned": 9, "boxed": 1}))
    box = (10.0, 5.0, 60.0, 70.0)
    faces = [(LANDMARKS, None), (None, None), (MIRRORED, None), (NEARBY, box), (None, box)]
    aligned, whole, refused, nearby, boxed = embedder.see_many([("a.png", FILE)] * 5, faces)
    for seen, landmarks in ((aligned, LANDMARKS), (whole, None), (nearby, NEARBY)):
        np.testing.assert_array_equal(seen.pixels, pixels_of(landmarks))
        assert seen.landmarks == landmarks
    assert "a.png is no usable image for this model: " in str(refused)
    np.testing.assert_array_equal(boxed.pixels, pixels_of(None, box=box))
    assert boxed.unprepared == () != whole.unprepared


def test_a_box_outside_of_its_image_is_refused(tmp_path):
    embedder = Embedder(save_model(tmp_path, {"boxed": 9}))
    (refused,) = embedder.see_many([("a.png", FILE)], [(None, (500.0, 500.0, 600.0, 600.0))])
    assert "a box that has no part in the image" in str(refused)


def test_a_detector_looks_for_the_face_in_the_box(tmp_path):
    detector = FakeDetector(LANDMARKS, NEARBY)
    embedder = Embedder(save_model(tmp_path, {"aligned": 9}, detector="mtcnn"), detector)
    for face in detector.faces:
        (seen,) = embedder.see_many([("a.png", FILE)], [(None, face.box)])
        assert seen.landmarks == face.landmarks

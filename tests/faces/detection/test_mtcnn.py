"""MTCNN on real faces."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data
from mtcnn.utils import bboxes
from PIL import Image
from skimage.transform import SimilarityTransform, warp

from faces.contract import LANDMARKS
from faces.detection import find_detector, mtcnn

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def detector():
    return find_detector("mtcnn")


def points(face):
    """x and y of the five points, a row each."""
    return np.reshape(face.landmarks, (5, 2))


def resized(image, width, height):
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def moved(image, transform, height, width):
    """The image after a transform of its pixels' coordinates, on grey, by scikit-image."""
    shown = warp(image, transform.inverse, output_shape=(height, width), order=3, cval=0.5)
    return (shown * 255).round().astype(np.uint8)


def test_every_face_of_the_demo_is_found_once(detector, orl_faces):
    found = detector.detect(orl_faces)
    assert [len(faces) for faces in found] == [1] * len(orl_faces)
    for (face,) in found:
        left, top, right, bottom = face.box
        assert 0 <= left < 46 < right <= 92
        assert 0 <= top < 56 < bottom <= 112
        assert 0.9 < face.score <= 1


def test_left_and_right_are_those_of_the_viewer(detector, orl_faces, photograph):
    assert LANDMARKS == (
        "left eye", "right eye", "nose", "left corner of the mouth", "right corner"
    )  # fmt: skip
    for faces in detector.detect([*orl_faces, photograph]):
        left_eye, right_eye, nose, left_corner, right_corner = points(faces[0])
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_corner[0] < right_corner[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_corner[1], right_corner[1])


def test_in_a_mirror_the_points_change_sides(detector, photograph):
    ((face,), (mirrored,)) = detector.detect([photograph, np.flip(photograph, axis=1)])
    expected = points(face)[[1, 0, 2, 4, 3]]
    expected[:, 0] = photograph.shape[1] - 1 - expected[:, 0]
    assert np.abs(points(mirrored) - expected).max() < 3


def test_the_points_of_a_photograph_are_where_they_look_to_be(detector, photograph):
    ((face,),) = detector.detect([photograph])
    seen = [(203, 100), (245, 102), (225, 126), (202, 139), (244, 141)]
    assert np.abs(points(face) - seen).max() < 4


@pytest.mark.parametrize(
    ("scale", "degrees", "most"),
    [(1, 0, 2), (2.5, 0, 2), (1, 15, 4), (8, 0, 3)],
    ids=["moved", "enlarged", "turned", "above the longest side"],
)
def test_the_points_move_as_the_image_is_moved(detector, orl_faces, scale, degrees, most):
    transform = SimilarityTransform(scale=scale, rotation=np.deg2rad(degrees))
    transform += SimilarityTransform(translation=(40 * scale, 17 * scale))
    side = int(180 * scale)
    before = detector.detect(orl_faces)
    after = detector.detect([moved(image, transform, side, side) for image in orl_faces])
    off = [
        points(new) - transform(points(old)) for (old,), (new,) in zip(before, after, strict=True)
    ]
    assert np.linalg.norm(off, axis=2).mean() < most / 2 * scale
    assert np.abs(np.mean(off, axis=(0, 1))).max() < 0.5 * scale  # no bias to any side


def test_each_face_of_a_crowd_is_found_where_it_was_put(detector, orl_faces):
    crowd = np.full((300, 400, 3), 90, np.uint8)
    places = [(20, 30), (250, 150)]
    for (left, top), image in zip(places, orl_faces, strict=False):
        crowd[top : top + 112, left : left + 92] = image
    (found,) = detector.detect([crowd])
    alone = [faces[0].landmarks for faces in detector.detect(orl_faces[:2])]
    assert len(found) == 2
    for face, (left, top), expected in zip(
        sorted(found, key=lambda face: face.box), places, alone, strict=True
    ):
        assert np.abs(points(face) - [left, top] - np.reshape(expected, (5, 2))).max() < 3


def test_nothing_is_found_where_there_is_no_face(detector):
    draws = np.random.default_rng(0)
    images = [np.full((112, 92, 3), level, np.uint8) for level in (0, 128, 255)]
    images += [draws.integers(0, 256, (height, 100, 3), np.uint8) for height in (60, 112)]
    images += [skimage.data.coffee(), skimage.data.grass()[..., None].repeat(3, 2)]
    assert detector.detect(images) == [[]] * len(images)
    assert detector.detect([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 1000), (3000, 2), (11, 11), (12, 13)])
def test_a_shape_that_holds_no_face_is_no_crash(detector, shape):
    assert detector.detect([np.full((*shape, 3), 77, np.uint8)]) == [[]]


def test_tiny_grey_crops_tell_faces_from_other_things(detector):
    crops = (skimage.data.lfw_subset() * 255).astype(np.uint8)[..., None].repeat(3, axis=3)
    found = [len(faces) for faces in detector.detect(crops)]
    assert crops.shape == (200, 25, 25, 3)
    assert sum(found[:100]) >= 98
    assert sum(found[100:]) <= 2


def test_a_face_that_fills_its_image_is_found_with_a_margin(detector, orl_faces, monkeypatch):
    crops = [resized(image[24:100, 18:76], 96, 96) for image in orl_faces]
    count = sum(len(faces) for faces in detector.detect(crops))
    monkeypatch.setattr(mtcnn, "_MARGIN", 0.0)
    assert count >= 10 > 3 + sum(len(faces) for faces in detector.detect(crops))


def test_what_is_found_in_an_image_depends_on_no_other(detector, orl_faces, photograph):
    images = [photograph, *orl_faces, np.zeros((112, 92, 3), np.uint8), orl_faces[0][:80]]
    together = detector.detect(images)
    assert together == [detector.detect([image])[0] for image in images]
    assert together[::-1] == detector.detect(images[::-1])


@pytest.mark.usefixtures("detector")
def test_of_equally_sure_boxes_the_same_are_left_whatever_else_is_in_the_batch():
    draws = np.random.default_rng(0)
    corners = draws.uniform(0, 40, (200, 2))
    rows = np.column_stack(
        [np.repeat([0, 1], 100), corners, corners + draws.uniform(20, 40, (200, 2)), np.ones(200)]
    )
    alone = bboxes.smart_nms_from_bboxes(rows[rows[:, 0] == 0], threshold=0.5)
    together = bboxes.smart_nms_from_bboxes(rows, threshold=0.5)
    assert 1 < len(alone) < 100
    assert np.array_equal(together[together[:, 0] == 0], alone)


def test_many_threads_find_the_same(detector, orl_faces):
    expected = detector.detect(orl_faces[:4])
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.detect, [orl_faces[:4]] * 4)) == [expected] * 4


def test_an_error_of_tensorflow_is_not_taken_for_no_face(detector, orl_faces, monkeypatch):
    def fail(**arguments):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(detector, "_stages", [fail])
    with pytest.raises(RuntimeError, match="out of memory"):
        detector.detect(orl_faces[:1])


def test_weights_are_the_packages_own_whatever_lies_where_it_runs(tmp_path, monkeypatch):
    for name in ("pnet", "rnet", "onet"):
        (tmp_path / f"{name}.lz4").write_bytes(b"cos\nsystem\n")
    monkeypatch.chdir(tmp_path)
    assert len(mtcnn._load_stages()) == 3

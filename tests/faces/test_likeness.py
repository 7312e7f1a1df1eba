"""Whether two pictures are one photograph."""

import numpy as np
import pytest
from PIL import Image

from faces.likeness import SIDE, likeness, thumbnail_of
from tests.conftest import draw_face, encoded
from tests.faces.photographs import CHANGES, SIZE, photograph


def thumbnails(images):
    return np.stack([thumbnail_of(encoded(image, "png")) for image in images])


PEOPLE = range(40)
ORIGINALS = thumbnails([photograph(person) for person in PEOPLE])


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_the_same_photograph(change):
    copies = thumbnails([CHANGES[change](photograph(person)) for person in PEOPLE])
    for pair in ((ORIGINALS, copies), (copies, ORIGINALS)):
        alike, is_same = likeness(*pair)
        assert is_same.mean() >= 0.95
        assert alike.min() > 0.99


def test_another_shot_of_a_person_is_another_photograph():
    alike, is_same = likeness(ORIGINALS, thumbnails([photograph(p, shot=1) for p in PEOPLE]))
    assert not is_same.any()
    assert alike.max() < 0.99


def test_a_face_that_moved_within_the_frame_is_another_photograph():
    def framed(person, left):
        frame = Image.new("RGB", (SIZE[0] + 20, SIZE[1] + 20), (40, 60, 80))
        frame.paste(photograph(person), (left, 10))
        return frame

    first, second = (thumbnails([framed(p, left) for p in PEOPLE]) for left in (8, 12))
    assert not likeness(first, second)[1].any()


def test_likeness_is_between_minus_one_and_one_and_needs_no_order():
    others = ORIGINALS[::-1]
    forth, back = likeness(ORIGINALS, others)[0], likeness(others, ORIGINALS)[0]
    assert (np.abs(forth) <= 1.0 + 1e-6).all()
    np.testing.assert_allclose(forth, back, atol=1e-6)


def test_nearly_plain_pictures_are_no_copies_of_each_other():
    plain = np.full((2, SIDE, SIDE), 100, np.float32)
    noise = np.random.default_rng(0).normal(0, 0.5, plain.shape).astype(np.float32)
    assert not likeness(plain, plain)[1].any()
    assert not likeness(plain + noise, plain + noise)[1].any()


def test_no_pair_is_no_likeness():
    none = np.empty((0, SIDE, SIDE), np.float32)
    assert [len(values) for values in likeness(none, none)] == [0, 0]


def test_the_shots_that_other_tests_draw_are_different_photographs():
    first, second = (thumbnails([draw_face(p, shot) for p in PEOPLE]) for shot in (0, 1))
    alike, is_same = likeness(first, second)
    assert not is_same.any()
    assert alike.max() > 0.99

"""Which of several faces is meant."""

import pytest

from faces.detection import Face, NoFaceError, choose_face, face_in_box
from faces.images.formats import BadImageError


def face(left, top, right, bottom, score=0.9):
    return Face((left, top, right, bottom), (0.0,) * 10, score)


SMALL_IN_THE_MIDDLE = face(45, 45, 55, 55)
LARGE_AT_THE_EDGE = face(0, 0, 30, 40, score=0.85)
BOTH = [SMALL_IN_THE_MIDDLE, LARGE_AT_THE_EDGE]


@pytest.mark.parametrize("faces", [BOTH, BOTH[::-1]], ids=["one way", "the other"])
def test_a_policy_chooses_one_of_several_in_whatever_order_they_come(faces):
    assert choose_face(faces, 100, 100, "largest") is LARGE_AT_THE_EDGE
    assert choose_face(faces, 100, 100, "centre") is SMALL_IN_THE_MIDDLE


def test_the_middle_is_that_of_the_image():
    assert choose_face(BOTH, height=40, width=30, policy="centre") is LARGE_AT_THE_EDGE
    low_and_left, right = face(0, 80, 20, 100), face(160, 0, 180, 20)
    assert choose_face([low_and_left, right], 200, 20, "centre") is low_and_left


def test_of_equally_large_faces_the_surer_one_is_chosen():
    sure, unsure = face(0, 0, 10, 10, score=0.99), face(50, 50, 60, 60, score=0.8)
    assert choose_face([unsure, sure], 100, 100, "largest") is sure


def test_several_faces_can_be_a_reason_to_use_none():
    with pytest.raises(BadImageError, match=r"^several faces: 2$") as caught:
        choose_face(BOTH, 100, 100, "quarantine")
    assert not isinstance(caught.value, NoFaceError)
    assert choose_face(BOTH[:1], 100, 100, "quarantine") is BOTH[0]


@pytest.mark.parametrize("policy", ["largest", "centre", "quarantine"])
def test_no_face_is_a_reason_with_every_policy(policy):
    with pytest.raises(NoFaceError, match=r"^no face$"):
        choose_face([], 100, 100, policy)


def test_an_unknown_policy_is_an_error_even_where_it_decides_nothing():
    with pytest.raises(ValueError, match="policy must be one of"):
        choose_face(BOTH[:1], 100, 100, "first")


def test_a_box_means_the_face_that_fits_it_best():
    around, within = face(10, 10, 60, 60), face(25, 25, 40, 40)
    assert face_in_box([within, around], (8, 8, 64, 62)) is around
    assert face_in_box([within, around], (24, 24, 44, 44)) is within


def test_a_box_means_no_face_whose_middle_is_beside_it():
    with pytest.raises(NoFaceError, match="no face in the source's box"):
        face_in_box([face(0, 0, 50, 50)], (40, 40, 60, 60))
    with pytest.raises(NoFaceError):
        face_in_box([], (0, 0, 100, 100))

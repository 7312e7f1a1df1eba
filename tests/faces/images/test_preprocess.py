"""What is done to images, and what is said of it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from faces.images.align import TEMPLATE, decode_and_align
from faces.images.decode import decode_and_resize
from faces.images.preprocess import NOTHING_SAID, PreparedImages, Preprocessing
from groundfloor.errors import UserError
from tests.conftest import draw_face, encoded

SHAPE = (32, 40, 1)
FILES = tf.constant([encoded(draw_face(person, 1, (90, 80)), "png") for person in range(2)])
LANDMARKS = tf.constant([TEMPLATE.ravel() * 0.7, [np.nan] * 10], tf.float32)
BOXES = tf.constant([[np.nan] * 4, [5, 5, 60, 70]], tf.float32)


def prepared(align=True, detector="off", resize="stretch", **manners):
    return PreparedImages(Preprocessing(SHAPE, resize, align, detector), manners)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_faces_are_aligned_or_cut_out_where_it_is_known_where_they_are(resize):
    preprocessing = Preprocessing(SHAPE, resize)
    expected = decode_and_align(FILES, LANDMARKS, BOXES, SHAPE, resize)
    np.testing.assert_array_equal(preprocessing.batch(FILES, LANDMARKS, BOXES), expected)
    whole = decode_and_resize(FILES, SHAPE, resize)
    np.testing.assert_array_equal(preprocessing.whole(FILES), whole)
    assert np.any(whole != expected, axis=(1, 2, 3)).all()


def test_without_alignment_every_image_is_taken_whole():
    preprocessing = Preprocessing(SHAPE, align=False)
    pixels = preprocessing.batch(FILES, LANDMARKS, BOXES)
    np.testing.assert_array_equal(pixels, preprocessing.whole(FILES))
    assert preprocessing.manner(has_landmarks=True, has_box=True) == "whole"


def test_landmarks_come_before_a_box_and_a_box_before_nothing():
    manner = Preprocessing(SHAPE).manner
    assert [manner(True, True), manner(True, False)] == ["aligned", "aligned"]
    assert [manner(False, True), manner(False, False)] == ["boxed", "whole"]


def test_what_was_written_is_read_again():
    images = prepared(detector="mtcnn", train={"aligned": 3, "whole": 1}, test={})
    assert PreparedImages.from_json(images.to_json()) == images
    assert images.total() == {"aligned": 3, "whole": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"preprocessing": {"input_shape": [1, 2]}, "manners": {}}',
        '{"preprocessing": {"input_shape": [1, 2, 3], "colour": 1}, "manners": {}}',
        '{"preprocessing": {"input_shape": [1, 2, 3], "resize": "fold"}, "manners": {}}',
        '{"preprocessing": {"input_shape": [1, 2, 3]}, "manners": {"train": 3}}',
        '{"preprocessing": {"input_shape": [1, 2, 3]}, "manners": {"train": {"aligned": "x"}}}',
        b"\xff",
    ],
)
def test_a_file_that_says_something_else_is_one_message(text):
    with pytest.raises(UserError, match=r"preprocessing.json does not say how images are prepared"):
        PreparedImages.from_json(text)


def test_images_that_are_prepared_alike_are_not_worth_a_word():
    for manner in ("aligned", "boxed", "whole"):
        assert prepared(train={manner: 9}, test={manner: 2}).remarks() == []


def test_a_share_without_landmarks_is_said_with_the_splits_in_which_it_is():
    images = prepared(test={"aligned": 10}, train={"aligned": 87, "whole": 3})
    (remark,) = PreparedImages.from_json(images.to_json()).remarks()
    assert remark == (
        "not all images are prepared alike: 97 (97.0 %) aligned by landmarks [train 87, test 10], "
        "3 (3.0 %) taken whole [train 3]"
    )


def test_models_whose_images_are_prepared_otherwise_have_another_description():
    aligned, whole = {"train": {"aligned": 5}}, {"train": {"whole": 5}}
    images = [
        prepared(**aligned),
        prepared(**whole),
        prepared(**whole, resize="pad"),
        prepared(**aligned, detector="mtcnn"),
        prepared(train={"aligned": 5, "whole": 1}),
    ]
    assert len({image.description() for image in images}) == len(images)
    assert images[1].description() == NOTHING_SAID
    more = dataclasses.replace(images[0], manners={"train": {"aligned": 99}})
    assert (
        more.description()
        == images[0].description()
        == ("aligned by landmarks, resized by stretch")
    )

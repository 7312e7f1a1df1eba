"""The SavedModel gives the same embedding, whichever way an image comes in."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.export import ServingModule
from components.trainer.model import FaceEmbeddingModel
from faces.images.align import TEMPLATE, decode_and_align
from faces.images.decode import RESIZE_MODES, decode_and_resize
from faces.images.preprocess import Preprocessing
from serving.signatures import (
    ALIGNED_SIGNATURE,
    EMBEDDING_KEY,
    PIXELS_SIGNATURE,
    SERVING_SIGNATURE,
)
from tests.conftest import draw_face, encoded

SHAPE = (32, 40, 3)
DIM = 16
FILES = [
    encoded(draw_face(1, 1, size=(120, 90)), "jpeg"),
    encoded(draw_face(2, 1), "png"),
    encoded(draw_face(3, 1), "png"),
]
# Of a face that is turned, at another place and of another size in each.
LANDMARKS = tf.constant(
    [
        (TEMPLATE * 0.6 + np.array([30, 12])).ravel(),
        (TEMPLATE * 0.3 + np.array([4, 8])).ravel(),
        (TEMPLATE @ np.array([[0.3, 0.1], [-0.1, 0.3]]) + np.array([10, 4])).ravel(),
    ],
    tf.float32,
)


@pytest.fixture(scope="module")
def embedding_model():
    return FaceEmbeddingModel(SHAPE, DIM, dropout_rate=0.5, l2_reg=1e-4)


@pytest.fixture(scope="module")
def signatures(embedding_model, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    ServingModule(embedding_model, Preprocessing(SHAPE)).save(folder)
    return tf.saved_model.load(folder).signatures


def cosines(first, second):
    return np.sum(np.asarray(first) * np.asarray(second), axis=-1)


def from_bytes(signatures):
    return signatures[SERVING_SIGNATURE](image_bytes=tf.constant(FILES))[EMBEDDING_KEY]


def from_pixels(signatures, pixels):
    return signatures[PIXELS_SIGNATURE](pixels=pixels)[EMBEDDING_KEY]


def test_files_and_their_transformed_pixels_have_the_same_embedding(signatures):
    pixels = decode_and_resize(tf.constant(FILES), SHAPE)
    assert cosines(from_bytes(signatures), from_pixels(signatures, pixels)).min() >= 0.999


def test_swapped_colour_channels_would_be_noticed(signatures):
    swapped = decode_and_resize(tf.constant(FILES), SHAPE)[..., ::-1]
    assert cosines(from_bytes(signatures), from_pixels(signatures, swapped)).min() < 0.999


@pytest.mark.parametrize("resize", RESIZE_MODES)
def test_each_way_of_resizing_is_served_as_it_is_trained_and_no_other(
    resize, embedding_model, tmp_path
):
    ServingModule(embedding_model, Preprocessing(SHAPE, resize)).save(str(tmp_path))
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    for trained in RESIZE_MODES:
        pixels = decode_and_resize(tf.constant(FILES), SHAPE, trained)
        agreement = cosines(from_bytes(signatures), from_pixels(signatures, pixels)).min()
        assert (agreement >= 0.999) == (trained == resize)


def aligned_pixels(landmarks):
    no_boxes = tf.fill([len(FILES), 4], np.nan)
    return decode_and_align(tf.constant(FILES), landmarks, no_boxes, SHAPE, "stretch")


def from_landmarks(signatures, landmarks):
    inputs = {"image_bytes": tf.constant(FILES), "landmarks": landmarks}
    return signatures[ALIGNED_SIGNATURE](**inputs)[EMBEDDING_KEY]


def test_aligned_faces_are_served_as_they_are_trained(signatures):
    pixels = aligned_pixels(LANDMARKS)
    served = from_landmarks(signatures, LANDMARKS)
    assert cosines(served, from_pixels(signatures, pixels)).min() >= 0.999
    swapped = pixels[..., ::-1]
    assert cosines(served, from_pixels(signatures, swapped)).min() < 0.999
    assert cosines(served, from_bytes(signatures)).min() < 0.999  # as they are


def test_an_image_whose_landmarks_nobody_knows_is_served_whole(signatures):
    unknown = tf.fill([len(FILES), 10], np.nan)
    np.testing.assert_array_equal(from_landmarks(signatures, unknown), from_bytes(signatures))


def test_landmarks_of_no_face_are_refused_by_the_served_model(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="left and right exchanged"):
        from_landmarks(signatures, tf.reverse(LANDMARKS, axis=[1]))


def test_a_model_that_does_not_align_has_no_signature_for_it(embedding_model, tmp_path):
    ServingModule(embedding_model, Preprocessing(SHAPE, align=False)).save(str(tmp_path))
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    assert set(signatures) == {SERVING_SIGNATURE, PIXELS_SIGNATURE}


def test_the_embeddings_are_those_of_the_keras_model(signatures, embedding_model):
    pixels = decode_and_resize(tf.constant(FILES), SHAPE)
    expected = embedding_model.predict(pixels, verbose=0)
    np.testing.assert_allclose(from_pixels(signatures, pixels), expected, atol=1e-5)


def test_embeddings_are_float32_of_unit_length(signatures):
    embeddings = from_bytes(signatures).numpy()
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (3, DIM)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-6)


def test_the_signatures_state_their_shapes(signatures):
    (pixels,) = signatures[PIXELS_SIGNATURE].structured_input_signature[1].values()
    assert (pixels.shape.as_list(), pixels.dtype) == ([None, *SHAPE], tf.uint8)
    (image_bytes,) = signatures[SERVING_SIGNATURE].structured_input_signature[1].values()
    assert (image_bytes.shape.as_list(), image_bytes.dtype) == ([None], tf.string)


def test_any_number_of_images_is_served_at_once(signatures):
    pixels = decode_and_resize(tf.constant(FILES), SHAPE)
    for count in (1, 2, 3):
        assert from_pixels(signatures, pixels[:count]).shape == (count, DIM)

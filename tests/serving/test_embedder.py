"""A served model in use."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from groundfloor.errors import UserError
from serving.embedder import Embedder
from tests.conftest import draw_face, encoded
from tests.serving.dark_model import Dark


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """Takes images of one channel."""
    folder = tmp_path_factory.mktemp("model")
    Dark(1).save(folder)
    return Embedder(folder)


def test_an_image_of_any_format_is_seen_as_the_network_sees_it(embedder):
    content = encoded(draw_face(1, 1, (40, 48)), "bmp")
    seen = embedder.see(Path("a.bmp"), content)
    assert (seen.name, seen.height, seen.width) == ("a.bmp", 48, 40)
    assert (seen.pixels.shape, seen.pixels.dtype) == ((32, 32, 1), np.uint8)
    assert seen.embedding.shape == (2,)
    assert np.linalg.norm(seen.embedding) == pytest.approx(1, abs=1e-6)


def test_pixels_have_the_embeddings_of_the_images_that_they_are_of(embedder):
    seen = [embedder.see(Path("a.png"), encoded(draw_face(1, n), "png")) for n in range(2)]
    together = embedder.embed_pixels(tf.constant(np.stack([image.pixels for image in seen])))
    assert together == pytest.approx(np.array([image.embedding for image in seen]), abs=1e-6)
    assert embedder.input_shape == (32, 32, 1)


def test_what_is_no_image_is_named(embedder):
    with pytest.raises(UserError, match=r"a.txt is no usable image: "):
        embedder.see(Path("a.txt"), b"text")


def test_an_embedding_of_another_length_than_1_is_refused(embedder):
    black = encoded(Image.new("L", (32, 32)), "png")
    with pytest.raises(UserError, match=r"no usable embedding of b.png: its length is not 1"):
        embedder.see(Path("b.png"), black)


def test_what_this_model_cannot_decode_is_one_message(embedder):
    """The last line of defence: bytes that some other reader would have let through."""
    cmyk = encoded(draw_face(2, 1).convert("CMYK"), "jpeg")
    with pytest.raises(UserError, match=r"cmyk.jpg is no usable image .* to 1 channels"):
        embedder.pixels(Path("cmyk.jpg"), cmyk)


def test_a_folder_that_is_no_model_is_one_message(tmp_path):
    with pytest.raises(UserError, match=r"cannot load the model .*: "):
        Embedder(tmp_path)

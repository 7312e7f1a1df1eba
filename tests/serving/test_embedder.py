"""A served model in use."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from faces.images.encode import EncodedImage
from groundfloor.errors import UserError
from serving.embedder import Embedder
from tests.conftest import draw_face, encoded
from tests.serving.dark_model import Dark


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a model that takes images of one channel."""
    folder = tmp_path_factory.mktemp("model")
    Dark(1).save(folder)
    return folder


@pytest.fixture(scope="module")
def embedder(folder):
    """Of that model."""
    return Embedder(folder)


def test_an_image_of_any_format_is_seen_as_the_network_sees_it(embedder):
    content = encoded(draw_face(1, 1, (40, 48)), "bmp")
    seen = embedder.see(Path("a.bmp"), content)
    assert (seen.name, seen.height, seen.width) == ("a.bmp", 48, 40)
    assert (seen.pixels.shape, seen.pixels.dtype) == ((32, 32, 1), np.uint8)
    assert seen.embedding.shape == (2,)
    assert np.linalg.norm(seen.embedding) == pytest.approx(1, abs=1e-6)


def test_an_image_has_the_embedding_that_a_server_of_the_model_gives(embedder, folder):
    content = encoded(draw_face(1, 1, (40, 48)), "png")
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    served = serve(image_bytes=tf.constant([content]))["embedding"].numpy()[0]
    assert embedder.see(Path("a.png"), content).embedding == pytest.approx(served, abs=1e-6)
    assert embedder.input_shape == (32, 32, 1)


def test_many_images_are_seen_as_one_by_one(embedder, monkeypatch):
    monkeypatch.setattr("serving.embedder.BATCH_IMAGES", 2)
    files = [(f"{n}.png", encoded(draw_face(1, n, (40 + n, 48)), "png")) for n in range(5)]
    for together, (name, content) in zip(embedder.see_many(files), files, strict=True):
        alone = embedder.see(Path(name), content)
        assert (together.name, together.height, together.width) == (name, 48, alone.width)
        np.testing.assert_array_equal(together.pixels, alone.pixels)
        assert together.embedding == pytest.approx(alone.embedding, abs=1e-6)
    assert embedder.see_many([]) == []


def test_of_many_images_each_refused_one_has_its_reason_in_its_place(embedder):
    face, black = encoded(draw_face(1, 1), "png"), encoded(Image.new("L", (32, 32)), "png")
    files = [("a.png", face), ("b.txt", b"text"), ("c.png", black), ("d.png", face)]
    first, text, length, last = embedder.see_many(files)
    assert (first.name, last.name) == ("a.png", "d.png")
    assert str(text).startswith("b.txt is no usable image: ")
    assert "no usable embedding of c.png: its length is not 1" in str(length)
    assert all(isinstance(refused, UserError) for refused in (text, length))


def test_one_image_that_tensorflow_cannot_decode_takes_no_other_with_it(embedder, monkeypatch):
    """Bytes that some other reader would have let through, as below."""
    face = draw_face(2, 1)
    files = [("a.png", encoded(face, "png")), ("b.jpg", encoded(face.convert("CMYK"), "jpeg"))]
    as_they_are = EncodedImage(b"", "png", *face.size, "", False, False, 0)
    monkeypatch.setattr(
        "serving.embedder.encode_image", lambda content, *_: replace(as_they_are, encoded=content)
    )
    seen, refused = embedder.see_many(files)
    assert seen.name == "a.png"
    assert re.match("b.jpg is no usable image for this model: .* to 1 channels", str(refused))


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

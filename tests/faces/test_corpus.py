"""Every kind of image file that could be found: what a viewer shows, or refused by name."""

import re
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from faces.images.decode import decode_image
from faces.images.encode import encode_image
from faces.images.formats import BadImageError
from tests.faces.corpus import MAX_PIXELS, File, files
from tests.faces.corpus.outcomes import reason_of

FILES = list(files())


def test_the_corpus_is_of_many_kinds():
    assert len(FILES) >= 300
    assert len({file.kind for file in FILES}) >= 40
    assert max(Counter((file.kind, file.name) for file in FILES).values()) == 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.kind}: {file.name}")
def test_what_a_viewer_shows_is_what_the_network_sees(file: File, channels: int):
    if file.shown is None:
        with pytest.raises(BadImageError) as refusal:
            encode_image(file.data, MAX_PIXELS, channels)
        assert re.search(file.refused, str(refusal.value))
        assert refusal.value.reason == reason_of(file)
        return
    image = encode_image(file.data, MAX_PIXELS, channels)
    # Orientation, profile and gamma are applied once: the next reader finds nothing left to apply.
    assert encode_image(image.encoded, MAX_PIXELS, channels) == image
    pixels = decode_image(tf.constant(image.encoded), channels).numpy()
    shown = file.shown if channels == 3 else _luma(file.shown)[..., None]
    assert pixels.shape == shown.shape == (image.height, image.width, channels)
    difference = np.abs(pixels.astype(float) - shown).mean()
    # Grey is rounded, one way by TensorFlow and another here.
    assert difference <= file.within + (1.0 if channels == 1 else 0.0)


def _luma(colours: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(colours.astype(np.uint8)).convert("L"))

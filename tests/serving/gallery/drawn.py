"""Drawn people: an image is embedded by what is drawn on it, without a network."""

import numpy as np

from serving.comparison import SeenImage
from serving.gallery.records import ModelIdentity
from tests.biometrics.packs import threshold_pack

SIDE = 16
DIMENSIONS = 3 * SIDE * SIDE


class PixelModel:
    """Embeds an image as its very pixels, less a level; another level is another model."""

    def __init__(self, level=128.0, side=SIDE):
        self.level, self.input_shape = level, (side, side, 3)

    def embed_pixels(self, pixels):
        flat = np.asarray(pixels, np.float64).reshape(len(pixels), -1) - self.level
        return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)


def identity(model_sha256="a" * 64, side=SIDE, **options):
    """Of such a model: EER at a cosine distance of 0.6, FAR=1e-02 at 0.4."""
    pack = threshold_pack(model_sha256=model_sha256, **options)
    return ModelIdentity(pack, 3 * side * side, (side, side, 3), "taken whole, resized by stretch")


def pixels_of(person, shot, noise=20):
    """Alike for one person, and unlike for two; uint8 [16, 16, 3]."""
    plain = np.random.default_rng(person).integers(0, 256, (SIDE, SIDE, 3))
    moved = plain + np.random.default_rng([person, shot, 1]).normal(0, noise, plain.shape)
    return moved.clip(0, 255).astype(np.uint8)


def seen(person, shot, model=None, **options):
    """An image of a person, as a model sees it."""
    pixels = pixels_of(person, shot)
    (embedding,) = (model or PixelModel()).embed_pixels(pixels[np.newaxis])
    values = {"name": f"file-{person}-{shot}.png", "height": 40, "width": 48} | options
    return SeenImage(pixels=pixels, embedding=embedding, **values)


def enrol(gallery, people, shots=2):
    """Enrols so many people with so many images each."""
    for person in people:
        gallery.enrol(f"person-{person:03d}", [seen(person, shot) for shot in range(shots)])
    return gallery


# Another model, whose thresholds are the same.
NEW = identity("b" * 64)

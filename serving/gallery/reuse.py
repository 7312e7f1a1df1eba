"""Whether what a gallery keeps of an image will do for another model: pure functions."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from faces.images.preprocess import ALIGNED, WHOLE, said_of
from serving.gallery.crops import KeptImage
from serving.gallery.records import ModelIdentity


@dataclass(frozen=True)
class Reuse:
    """What becomes of a kept image for another model.

    Attributes:
      shortcoming: how what the network sees differs from what it would see of the file; empty: in
        nothing.
      impossible: whether that is so much that the image is not embedded.
    """

    shortcoming: str = ""
    impossible: bool = False


def reuse_of(kept: KeptImage, shape: tuple[int, ...], model: ModelIdentity) -> Reuse:
    """What a kept image is worth to a model.

    Args:
      kept: the image.
      shape: of its pixels, height, width and channels.
      model: that is to embed it.
    """
    manner = said_of(ALIGNED if kept.landmarks else WHOLE)
    if manner not in model.preparation:
        return Reuse(f"it was {manner}, and the model's images are {model.preparation}", True)
    if shape != model.input_shape:
        return Reuse(f"resized from {_size(shape)} to {_size(model.input_shape)}")
    if _resize(kept.preparation) != _resize(model.preparation):
        return Reuse(f"{_resize(kept.preparation)}, and not {_resize(model.preparation)}")
    return Reuse()


def pixels_for(pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Kept pixels, uint8 [H, W, C], in the shape of a network's input."""
    if pixels.shape == shape:
        return pixels
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    height, width, channels = shape
    picture = picture.convert("L" if channels == 1 else "RGB")
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)).reshape(shape)


def _resize(preparation: str) -> str:
    """The words of `PreparedImages.description` on how images are resized."""
    return preparation.rpartition(", ")[2]


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))

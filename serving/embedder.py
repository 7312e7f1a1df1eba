"""A pushed model in use: image files in, pixels and embeddings out. Loads TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from faces.images.decode import decode_and_resize
from faces.images.encode import EncodedImage, encode_image
from faces.images.formats import BadImageError
from groundfloor.errors import UserError
from groundfloor.plain_paths import plain_path
from serving.comparison import SeenImage
from serving.signatures import (
    EMBEDDING_KEY,
    PIXELS_SIGNATURE,
    SERVING_SIGNATURE,
    pixels_shape,
)

# More than this no photograph has; it takes a gigabyte to decode.
MAX_PIXELS = 50_000_000

# How far from 1 the length of an embedding may be.
_LENGTH_ROUNDING = 1e-3


def checked_image(path: Path, content: bytes, channels: int) -> EncodedImage:
    """The file as the pipeline would have read it for a model of so many channels.

    Raises:
      UserError: it is no image that the pipeline would have taken.
    """
    try:
        return encode_image(content, MAX_PIXELS, channels)
    except BadImageError as error:
        raise UserError(f"{path} is no usable image: {error}") from None


class Embedder:
    """A SavedModel with the signatures of this project's models, pushed or not.

    Loading it runs what is in it: see `choice.choose_model` for what vouches for it.

    Args:
      path: its folder.

    Raises:
      UserError: it cannot be loaded, or has other signatures.
    """

    def __init__(self, path: Path):
        try:
            with plain_path(str(path)) as plain:
                self._model = tf.saved_model.load(plain)
            self._signature = self._model.signatures[SERVING_SIGNATURE]
            self._pixels_signature = self._model.signatures[PIXELS_SIGNATURE]
            self._shape = pixels_shape(self._pixels_signature)
        except Exception as error:  # whatever a file that is no model makes TensorFlow raise
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"cannot load the model {path}: {reason}") from None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what the network sees."""
        return self._shape

    @property
    def channels(self) -> int:
        """Of the images that it takes, 1 or 3."""
        return self._shape[-1]

    def see(self, path: Path, content: bytes) -> SeenImage:
        """An image file of any format that the pipeline reads, as this model sees it.

        Raises:
          UserError: it is no image that the pipeline would have taken, or the model fails on it.
        """
        image = checked_image(path, content, self.channels)
        return SeenImage(
            name=str(path),
            height=image.height,
            width=image.width,
            pixels=self.pixels(path, image.encoded),
            embedding=self.embed(path, image.encoded),
        )

    def pixels(self, path: Path, image: bytes) -> np.ndarray:
        """What the network sees of a JPEG or PNG, uint8 [H, W, C].

        Raises:
          UserError: TensorFlow cannot decode it for this model.
        """
        try:
            return decode_and_resize(tf.constant([image]), self._shape).numpy()[0]
        except tf.errors.OpError:
            raise UserError(
                f"{path} is no usable image for this model: TensorFlow cannot decode it to "
                f"{self.channels} channels"
            ) from None

    def embed_pixels(self, pixels: tf.Tensor) -> np.ndarray:
        """The embeddings of what the network sees, uint8 [N, H, W, C]: float32 [N, D]."""
        return self._pixels_signature(pixels=pixels)[EMBEDDING_KEY].numpy()

    def embed(self, path: Path, image: bytes) -> np.ndarray:
        """The embedding of a JPEG or PNG, float32 [D], L2-normalised.

        Raises:
          UserError: the model fails on it, or gives no vector of length 1.
        """
        try:
            embedding = self._embedding(image)
        except (tf.errors.OpError, KeyError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"the model cannot embed {path}: {reason}") from None
        # Written so that NaN fails it.
        if not abs(np.linalg.norm(embedding) - 1) <= _LENGTH_ROUNDING:
            raise UserError(f"the model gives no usable embedding of {path}: its length is not 1")
        return embedding

    def _embedding(self, image: bytes) -> Any:
        return self._signature(image_bytes=tf.constant([image]))[EMBEDDING_KEY].numpy()[0]

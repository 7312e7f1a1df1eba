"""The model as it is served: a SavedModel that takes image files, or pixels."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from faces.contract import LANDMARKS
from faces.images.preprocess import Preprocessing
from serving.signatures import (
    ALIGNED_SIGNATURE,
    EMBEDDING_KEY,
    PIXELS_SIGNATURE,
    SERVING_SIGNATURE,
)


class ServingModule(tf.Module):
    """An embedding model with the preprocessing that its training data went through.

    Args:
      embedding_model: float or uint8 [N, H, W, C] in [0, 255] to float32 [N, D], L2-normalised.
      preprocessing: from an image to its input.
    """

    def __init__(self, embedding_model: keras.Model, preprocessing: Preprocessing):
        super().__init__()
        self._model = embedding_model
        self._preprocessing = preprocessing

    def embed_image_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """string [N], each a JPEG or PNG of any size, to `embedding` float32 [N, D]."""
        return self.embed_pixels(self._preprocessing.whole(image_bytes))

    def embed_aligned(self, image_bytes: tf.Tensor, landmarks: tf.Tensor) -> dict[str, tf.Tensor]:
        """The same, of images whose faces are aligned by their landmarks, float32 [N, 10]."""
        no_boxes = tf.fill([tf.shape(image_bytes)[0], 4], float("nan"))
        return self.embed_pixels(self._preprocessing.batch(image_bytes, landmarks, no_boxes))

    def embed_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """uint8 [N, H, W, C] to `embedding` float32 [N, D], L2-normalised."""
        embeddings = self._model(tf.cast(pixels, tf.float32), training=False)
        return {EMBEDDING_KEY: tf.identity(embeddings, name=EMBEDDING_KEY)}

    def save(self, folder: str) -> None:
        """Writes the SavedModel with all of `serving.signatures`."""
        image_bytes = tf.TensorSpec([None], tf.string, name="image_bytes")
        landmarks = tf.TensorSpec([None, 2 * len(LANDMARKS)], tf.float32, name="landmarks")
        pixels = tf.TensorSpec([None, *self._preprocessing.input_shape], tf.uint8, name="pixels")
        takes: dict[str, tuple[Callable[..., Any], list[tf.TensorSpec]]] = {
            SERVING_SIGNATURE: (self.embed_image_bytes, [image_bytes]),
            PIXELS_SIGNATURE: (self.embed_pixels, [pixels]),
        }
        if self._preprocessing.align:
            takes[ALIGNED_SIGNATURE] = (self.embed_aligned, [image_bytes, landmarks])
        signatures = {
            name: tf.function(function, input_signature=inputs)
            for name, (function, inputs) in takes.items()
        }
        tf.saved_model.save(self, folder, signatures=signatures)

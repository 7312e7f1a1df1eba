"""The model as it is served: a SavedModel that takes image files, or pixels."""

import keras
import tensorflow as tf

from faces.images.decode import decode_and_resize
from serving.signatures import EMBEDDING_KEY, PIXELS_SIGNATURE, SERVING_SIGNATURE


class ServingModule(tf.Module):
    """An embedding model with the decoding that its training data went through.

    Args:
      embedding_model: float or uint8 [N, H, W, C] in [0, 255] to float32 [N, D], L2-normalised.
    """

    def __init__(self, embedding_model: keras.Model):
        super().__init__()
        self._model = embedding_model
        self._input_shape = tuple(embedding_model.input_shape[1:])

    def embed_image_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """string [N], each a JPEG or PNG of any size, to `embedding` float32 [N, D]."""
        return self.embed_pixels(decode_and_resize(image_bytes, self._input_shape))

    def embed_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """uint8 [N, H, W, C] to `embedding` float32 [N, D], L2-normalised."""
        embeddings = self._model(tf.cast(pixels, tf.float32), training=False)
        return {EMBEDDING_KEY: tf.identity(embeddings, name=EMBEDDING_KEY)}

    def save(self, folder: str) -> None:
        """Writes the SavedModel with the signatures `serving_default` and `pixels`."""
        from_bytes = tf.TensorSpec([None], tf.string, name="image_bytes")
        from_pixels = tf.TensorSpec([None, *self._input_shape], tf.uint8, name="pixels")
        signatures = {
            SERVING_SIGNATURE: tf.function(self.embed_image_bytes, input_signature=[from_bytes]),
            PIXELS_SIGNATURE: tf.function(self.embed_pixels, input_signature=[from_pixels]),
        }
        tf.saved_model.save(self, folder, signatures=signatures)

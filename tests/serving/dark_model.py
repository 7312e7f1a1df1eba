"""The least that a served model can be."""

import tensorflow as tf

from faces.images.decode import decode_and_resize


class Dark(tf.Module):
    """A model of two numbers: how dark the halves of an image are, or NaN where it is black."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def embed_bytes(self, image_bytes):
        return self.embed_pixels(decode_and_resize(image_bytes, (32, 32, self.channels)))

    def embed_pixels(self, pixels):
        halves = tf.reshape(tf.cast(pixels, tf.float32), [-1, 2, 16 * 32 * self.channels])
        means = tf.reduce_mean(halves, axis=2)
        return {"embedding": means / tf.norm(means, axis=1, keepdims=True)}

    def save(self, folder):
        files = tf.TensorSpec([None], tf.string, name="image_bytes")
        pixels = tf.TensorSpec([None, 32, 32, self.channels], tf.uint8, name="pixels")
        signatures = {
            "serving_default": tf.function(self.embed_bytes, input_signature=[files]),
            "pixels": tf.function(self.embed_pixels, input_signature=[pixels]),
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)

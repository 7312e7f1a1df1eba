"""From encoded image to the pixels that the network sees, as TensorFlow functions.

ImageTransform runs these over the training data and the serving signature holds the same ones in
its graph: what the model is trained on is what it is served.
"""

import tensorflow as tf


def decode_image(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes one JPEG or PNG.

    Args:
      encoded: string scalar.
      channels: 1 for grey, 3 for RGB; the image is converted where it has another number.

    Returns:
      uint8 [height, width, channels].

    Raises:
      tf.errors.InvalidArgumentError: the bytes are no complete image.
    """
    return tf.io.decode_image(encoded, channels=channels, expand_animations=False)


def resize_image(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes to exactly `height` x `width`, bilinear and antialiased; uint8 in, uint8 out.

    Antialiasing matters where a large photograph shrinks: without it the network would see the
    noise of single pixels.
    """
    resized = tf.image.resize(image, [height, width], method="bilinear", antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)


def decode_and_resize(encoded: tf.Tensor, input_shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes and resizes a batch.

    Args:
      encoded: string [N], each a JPEG or PNG of any size.
      input_shape: height, width and channels of the result.

    Returns:
      uint8 [N, height, width, channels].
    """
    height, width, channels = input_shape

    def one(image: tf.Tensor) -> tf.Tensor:
        return resize_image(decode_image(image, channels), height, width)

    pixels = tf.map_fn(one, encoded, fn_output_signature=tf.uint8)
    return tf.ensure_shape(pixels, [None, height, width, channels])

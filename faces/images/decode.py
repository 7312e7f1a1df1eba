"""From encoded image to the pixels that the network sees, as TensorFlow functions.

ImageTransform runs these over the training data and the serving signature holds the same ones in
its graph: what the model is trained on is what it is served.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf


def decode_image(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes one JPEG or PNG.

    A JPEG by the accurate transform (ITU-T T.81, A.3.3), as image viewers and Pillow do. What
    `tf.io.decode_image` takes is the fast one, which is off by several levels at high qualities.

    Args:
      encoded: string scalar.
      channels: 1 for grey, 3 for RGB; the image is converted where it has another number.

    Returns:
      uint8 [height, width, channels].

    Raises:
      tf.errors.InvalidArgumentError: the bytes are no complete image.
    """
    # Of the two, it is decode_jpeg that can be told; it decodes a PNG as well, says its reference.
    # Its default of acceptable_fraction, a whole number, takes the slow way outside of a graph.
    return tf.io.decode_jpeg(
        encoded, channels=channels, acceptable_fraction=1.0, dct_method="INTEGER_ACCURATE"
    )


def resize_image(image: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """Resizes to exactly `height` x `width`, bilinear and antialiased; uint8 in, uint8 out.

    Antialiasing matters where a large photograph shrinks: without it the network would see the
    noise of single pixels. An image that has the size already is handed on as it is.
    """
    is_so_large = tf.reduce_all(tf.equal(tf.shape(image)[:2], tf.stack([height, width])))
    return tf.cond(is_so_large, lambda: image, lambda: _interpolated(image, height, width))


def _interpolated(image: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    resized = tf.image.resize(image, tf.stack([height, width]), method="bilinear", antialias=True)
    return to_levels(resized)


def to_levels(pixels: tf.Tensor) -> tf.Tensor:
    """Rounds to uint8."""
    return tf.cast(tf.clip_by_value(tf.round(pixels), 0.0, 255.0), tf.uint8)


def crop_image(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes the largest part around the middle that has the shape of the result."""
    rows, columns = _sides(image)
    kept_rows = tf.clip_by_value(_rounded(columns * height / width), 1, tf.cast(rows, tf.int32))
    kept_columns = tf.clip_by_value(_rounded(rows * width / height), 1, tf.cast(columns, tf.int32))
    top = (tf.shape(image)[0] - kept_rows) // 2
    left = (tf.shape(image)[1] - kept_columns) // 2
    part = image[top : top + kept_rows, left : left + kept_columns]
    return resize_image(part, height, width)


def pad_image(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes the whole image to where it fits, in the middle of black."""
    rows, columns = _sides(image)
    scale = tf.minimum(height / rows, width / columns)
    new_rows = tf.clip_by_value(_rounded(rows * scale), 1, height)
    new_columns = tf.clip_by_value(_rounded(columns * scale), 1, width)
    top, left = (height - new_rows) // 2, (width - new_columns) // 2
    resized = resize_image(image, new_rows, new_columns)
    return tf.image.pad_to_bounding_box(resized, top, left, height, width)


def _sides(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width, float64: so that products and ratios of them round as they should."""
    sides = tf.cast(tf.shape(image)[:2], tf.float64)
    return sides[0], sides[1]


def _rounded(number: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(number), tf.int32)


# How an image gets the shape of the network's input: `image.resize` -> the function that does it.
RESIZE_MODES: Mapping[str, Callable[[tf.Tensor, int, int], tf.Tensor]] = {
    "stretch": resize_image,
    "crop": crop_image,
    "pad": pad_image,
}


def decode_and_resize(
    encoded: tf.Tensor, input_shape: tuple[int, int, int], resize: str = "stretch"
) -> tf.Tensor:
    """Decodes and resizes a batch.

    Args:
      encoded: string [N], each a JPEG or PNG of any size.
      input_shape: height, width and channels of the result.
      resize: of `RESIZE_MODES`.

    Returns:
      uint8 [N, height, width, channels].
    """
    height, width, channels = input_shape

    def one(image: tf.Tensor) -> tf.Tensor:
        return RESIZE_MODES[resize](decode_image(image, channels), height, width)

    pixels = tf.map_fn(one, encoded, fn_output_signature=tf.uint8)
    return tf.ensure_shape(pixels, [None, height, width, channels])

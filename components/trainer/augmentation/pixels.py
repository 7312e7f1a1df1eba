"""Changes of the pixels where they are: light, colour, what is covered, and how sharp they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from components.trainer.augmentation.draws import around_zero, between, of_images

# ITU-R BT.601: what red, green and blue add to the lightness.
_LIGHTNESS = (0.299, 0.587, 0.114)

# An erased patch has the square root of such a share as its part of the height, and of the width.
_ERASED = (0.02, 0.33)
_MIDDLE_GREY = 127.5

# AdaFace (Kim et al. 2022, arXiv:2204.00964), section 4.1 and its code: 0.2 to 1 of each side.
_SMALLEST_SIDE = 0.2
_JPEG_QUALITY = (30, 95)


@dataclass(frozen=True)
class OfPixels:
    """A change of the pixels.

    Attributes:
      draws: how many it takes for each image, K.
      change: pixels float32 [B, H, W, C] in [0, 255], draws float32 [B, K] in [0, 1), and the
        strength -> the changed pixels, of the same shape and range.
    """

    draws: int
    change: Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]


def brightness(pixels: tf.Tensor, draws: tf.Tensor, most: float) -> tf.Tensor:
    """Makes an image lighter or darker by up to `most` of the range."""
    return _in_range(pixels + of_images(around_zero(draws[:, 0], 255.0 * most)))


def contrast(pixels: tf.Tensor, draws: tf.Tensor, most: float) -> tf.Tensor:
    """Multiplies the distance from each channel's mean by 1 to 1 + most.

    So does `keras.layers.RandomContrast` with one number, which raises the contrast only.
    """
    factor = of_images(between(draws[:, 0], 1.0, 1.0 + most))
    mean = tf.reduce_mean(pixels, axis=[1, 2], keepdims=True)
    # Rows of the mean, since a channel at a time is several times as slow to add.
    mean_row = tf.tile(mean * (1.0 - factor), [1, 1, pixels.shape[2], 1])
    return _in_range(pixels * factor + mean_row)


def grey(pixels: tf.Tensor, draws: tf.Tensor, share: float) -> tf.Tensor:
    """Takes the colour out of a share of the images; one that has a single channel has none."""
    if pixels.shape[-1] == 1:
        return pixels
    to_lightness = tf.tile(tf.constant(_LIGHTNESS)[:, None], [1, 3])
    return _where(draws[:, 0] < share, lambda chosen: tf.matmul(chosen, to_lightness), pixels)


def erasing(pixels: tf.Tensor, draws: tf.Tensor, share: float) -> tf.Tensor:
    """Covers a patch of a share of the images with grey (Zhong et al. 2017, arXiv:1708.04896)."""
    chosen, height, width, top, left = tf.unstack(draws, axis=1)

    def covered(images: tf.Tensor, *patch: tf.Tensor) -> tf.Tensor:
        height, width, top, left = patch
        rows = _covered(height, top, images.shape[1])
        columns = tf.repeat(_covered(width, left, images.shape[2]), images.shape[3], axis=1)
        patch_pixels = tf.matmul(rows[:, :, None], columns[:, None, :])
        bare = 1.0 - tf.reshape(patch_pixels, tf.shape(images))
        return (images - _MIDDLE_GREY) * bare + _MIDDLE_GREY

    return _where(chosen < share, covered, pixels, height, width, top, left)


def downscale(pixels: tf.Tensor, draws: tf.Tensor, share: float) -> tf.Tensor:
    """Makes a share of the images smaller, down to a fifth a side, and large again."""
    height, width = pixels.shape[1:3]

    def down_and_up(image: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
        small = tf.maximum(1, tf.cast(tf.round(side * [height, width]), tf.int32))
        smaller = tf.image.resize(image, small, antialias=True)
        return tf.image.resize(smaller, [height, width])

    side = between(draws[:, 1], _SMALLEST_SIDE, 1.0)
    return _where(draws[:, 0] < share, _one_by_one(down_and_up), pixels, side)


def jpeg(pixels: tf.Tensor, draws: tf.Tensor, share: float) -> tf.Tensor:
    """Puts a share of the images through JPEG, of a quality from 30 to 94."""

    def through_jpeg(image: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
        whole = tf.cast(tf.round(image), tf.uint8)
        return tf.cast(tf.image.adjust_jpeg_quality(whole, quality), tf.float32)

    quality = tf.cast(between(draws[:, 1], *_JPEG_QUALITY), tf.int32)
    return _where(draws[:, 0] < share, _one_by_one(through_jpeg), pixels, quality)


OF_PIXELS: Mapping[str, OfPixels] = {
    "brightness": OfPixels(1, brightness),
    "contrast": OfPixels(1, contrast),
    "grey": OfPixels(1, grey),
    "erasing": OfPixels(5, erasing),
    "downscale": OfPixels(2, downscale),
    "jpeg": OfPixels(2, jpeg),
}


def _in_range(pixels: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(pixels, 0.0, 255.0)


def _covered(length: tf.Tensor, place: tf.Tensor, side: int) -> tf.Tensor:
    """1 where a patch covers a row, or a column, of its image, else 0: float32 [B, side].

    Args:
      length: draws float32 [B], for the length of the patch.
      place: draws float32 [B], for where it begins.
      side: pixels of the image's side.
    """
    covered = tf.sqrt(between(length, *_ERASED)) * side
    begin = place * (side - covered)
    pixel = tf.range(side, dtype=tf.float32)
    is_covered = (pixel >= begin[:, None]) & (pixel < (begin + covered)[:, None])
    return tf.cast(is_covered, tf.float32)


def _where(
    chosen: tf.Tensor, change: Callable[..., tf.Tensor], pixels: tf.Tensor, *amounts: tf.Tensor
) -> tf.Tensor:
    """Changes the chosen images alone.

    Args:
      chosen: bool [B].
      change: images float32 [N, H, W, C], and [N] of each of the amounts -> the changed images.
      pixels: float32 [B, H, W, C].
      amounts: [B] each.
    """
    places = tf.where(chosen)
    changed = change(*(tf.gather_nd(values, places) for values in (pixels, *amounts)))
    return tf.tensor_scatter_nd_update(pixels, places, changed)


def _one_by_one(change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """A change of images, from that of a single image float32 [H, W, C] and its amount."""

    def change_all(images: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
        signature = tf.TensorSpec(images.shape[1:], tf.float32)
        return tf.map_fn(
            lambda given: change(*given), (images, amounts), fn_output_signature=signature
        )

    return change_all

"""Changes of where things are: matrices, so that several of them cost one interpolation.

Each matrix, float32 [B, 3, 3], maps a pixel (x, y, 1) of the changed image to the place in the
image before that it shows; so of two changes, the matrix of the first is on the left.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from components.trainer.augmentation.draws import around_zero

Size = tuple[int, int]


@dataclass(frozen=True)
class Geometric:
    """A change of where things are.

    Attributes:
      draws: how many it takes for each image, K.
      matrices: draws float32 [B, K] in [0, 1), strength, height and width -> float32 [B, 3, 3].
    """

    draws: int
    matrices: Callable[[tf.Tensor, float, Size], tf.Tensor]


def flip(draws: tf.Tensor, share: float, size: Size) -> tf.Tensor:
    """Mirrors a share of the images, left to right."""
    sign = tf.where(draws[:, 0] < share, -1.0, 1.0)
    return _about_centre([[sign, 0.0], [0.0, 1.0]], size)


def shift(draws: tf.Tensor, most: float, size: Size) -> tf.Tensor:
    """Moves by up to `most` of the width to the sides, and of the height up and down."""
    height, width = size
    right, down = tf.unstack(around_zero(draws, most), axis=1)
    return _matrices([[1.0, 0.0, -width * right], [0.0, 1.0, -height * down]])


def rotation(draws: tf.Tensor, most: float, size: Size) -> tf.Tensor:
    """Turns about the centre by up to `most` radians, either way."""
    angle = around_zero(draws[:, 0], most)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return _about_centre([[cos, -sin], [sin, cos]], size)


def zoom(draws: tf.Tensor, most: float, size: Size) -> tf.Tensor:
    """Shows 1 - most to 1 + most of the height and the width, about the centre."""
    shown = 1.0 + around_zero(draws[:, 0], most)
    return _about_centre([[shown, 0.0], [0.0, shown]], size)


GEOMETRIC: Mapping[str, Geometric] = {
    "flip": Geometric(1, flip),
    "shift": Geometric(2, shift),
    "rotation": Geometric(1, rotation),
    "zoom": Geometric(1, zoom),
}


def moved(pixels: tf.Tensor, matrices: Sequence[tf.Tensor]) -> tf.Tensor:
    """Makes several changes at once; beyond the edge, the pixels of the edge are repeated.

    Args:
      pixels: float32 [B, H, W, C].
      matrices: float32 [B, 3, 3] each, that of the first change first.

    Returns:
      float32 [B, H, W, C], bilinear.
    """
    matrix = functools.reduce(tf.matmul, matrices)
    changed = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.reshape(matrix, [-1, 9])[:, :8],
        output_shape=tf.shape(pixels)[1:3],
        fill_value=0.0,  # of another fill_mode
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return tf.ensure_shape(changed, pixels.shape)


def _about_centre(linear: Sequence[Sequence[tf.Tensor | float]], size: Size) -> tf.Tensor:
    """The map of the plane that leaves the centre where it is."""
    height, width = size
    x, y = (width - 1) / 2, (height - 1) / 2
    (a, b), (c, d) = linear
    return _matrices([[a, b, x - a * x - b * y], [c, d, y - c * x - d * y]])


def _matrices(rows: Sequence[Sequence[tf.Tensor | float]]) -> tf.Tensor:
    """[B, 3, 3] from two rows of numbers, or of [B]; the third row is (0, 0, 1)."""
    values = [*rows[0], *rows[1], 0.0, 0.0, 1.0]
    batch = next(tf.shape(value) for value in values if tf.is_tensor(value))
    columns = [tf.broadcast_to(tf.cast(value, tf.float32), batch) for value in values]
    return tf.reshape(tf.stack(columns, axis=1), [-1, 3, 3])

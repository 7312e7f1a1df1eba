"""Numbers in [0, 1), drawn for each image of a batch, that the changes are made from."""

import zlib

import tensorflow as tf


def draws_for(
    name: str, seed: tf.Tensor, number: int, batch_size: tf.Tensor, part: tuple[int, int] = (0, 1)
) -> tf.Tensor:
    """The draws of one change: a function of its arguments and of nothing else.

    Args:
      name: of the change; each has draws of its own.
      seed: int64 [2].
      number: draws for each image, K.
      batch_size: B, the images here.
      part: (index, count): these images are one of so many equal parts of a batch, in its order.
        They get the draws that they would get in the whole batch.

    Returns:
      float32 [B, K], uniform in [0, 1).
    """
    index, count = part
    own_seed = tf.random.experimental.stateless_fold_in(seed, zlib.crc32(name.encode()))
    whole = tf.random.stateless_uniform([count * batch_size, number], own_seed, alg="philox")
    return whole[index * batch_size : (index + 1) * batch_size]


def around_zero(draws: tf.Tensor, most: float) -> tf.Tensor:
    """Draws in [0, 1) as uniform draws in [-most, most)."""
    return (2.0 * draws - 1.0) * most


def between(draws: tf.Tensor, least: float, most: float) -> tf.Tensor:
    """Draws in [0, 1) as uniform draws in [least, most)."""
    return least + draws * (most - least)


def of_images(values: tf.Tensor) -> tf.Tensor:
    """[B], one value for each image, as [B, 1, 1, 1]."""
    return values[:, None, None, None]

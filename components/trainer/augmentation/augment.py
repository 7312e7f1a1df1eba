"""Changes a batch of training images as a list says."""

import itertools
from collections.abc import Mapping

import tensorflow as tf

from components.trainer.augmentation.draws import draws_for
from components.trainer.augmentation.geometry import GEOMETRIC, moved
from components.trainer.augmentation.pixels import OF_PIXELS


def augment(
    pixels: tf.Tensor,
    seed: tf.Tensor,
    strengths: Mapping[str, float],
    part: tuple[int, int] = (0, 1),
) -> tf.Tensor:
    """Changes each image of a batch in its own way, at random.

    It is a pure function of tensors, for a map over a dataset: the same arguments give the same
    images, on however many threads. Changes of where things are that follow one another cost one
    interpolation.

    Args:
      pixels: uint8 or float [B, H, W, C], in [0, 255]; H, W and C are known.
      seed: int64 [2], unlike for each batch.
      strengths: name, of `choices.CHOICES`, -> strength, in the order in which they are made.
      part: (index, count): these images are one of so many equal parts of a batch, in its order,
        and are changed as they would be in the whole batch.

    Returns:
      float32 [B, H, W, C], in [0, 255].
    """
    pixels = tf.cast(pixels, tf.float32)
    for moves, group in itertools.groupby(strengths, GEOMETRIC.__contains__):
        if moves:
            pixels = _moved(pixels, seed, {name: strengths[name] for name in group}, part)
        else:
            for name in group:
                change = OF_PIXELS[name]
                draws = draws_for(name, seed, change.draws, tf.shape(pixels)[0], part)
                pixels = change.change(pixels, draws, strengths[name])
    return pixels


def _moved(
    pixels: tf.Tensor, seed: tf.Tensor, strengths: Mapping[str, float], part: tuple[int, int]
) -> tf.Tensor:
    size = pixels.shape[1], pixels.shape[2]
    matrices = []
    for name, strength in strengths.items():
        draws = draws_for(name, seed, GEOMETRIC[name].draws, tf.shape(pixels)[0], part)
        matrices.append(GEOMETRIC[name].matrices(draws, strength, size))
    return moved(pixels, matrices)

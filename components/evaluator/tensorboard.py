"""Figures for TensorBoard."""

from collections.abc import Mapping

import tensorflow as tf


def write_scalars(folder: str, scalars: Mapping[str, float]) -> None:
    """Writes an event file with one point of each scalar.

    Args:
      folder: where TensorBoard is to look.
      scalars: tag -> value.
    """
    writer = tf.summary.create_file_writer(folder)
    with writer.as_default(step=0):
        for tag, value in scalars.items():
            tf.summary.scalar(tag, value)
    writer.close()

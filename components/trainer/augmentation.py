"""Random changes of the training images."""

import math

import keras
from keras import layers

from components.trainer.heads import PACKAGE

_ROTATION = 0.15 / (2 * math.pi)  # Keras counts in full turns


@keras.saving.register_keras_serializable(package=PACKAGE)
class FaceAugmentation(keras.layers.Layer):
    """Mirrors, moves, turns, zooms and relights faces, and covers a patch; only while training.

    It is a layer of the classifier, before the embedding model and no part of it. So it runs in the
    train step, where it follows Keras' seed whatever the number of threads, and costs the processor
    less than as a map over the dataset.

    Keras' own preprocessing layers act unless they are told `training=False`; this one acts only
    if it is told `training=True`, so a forgotten argument cannot change the images of an
    evaluation.

    Call arguments:
      inputs: uint8 or float [N, H, W, C], pixels in [0, 255].
      training: True to change the images.

    Returns:
      float32 of the same shape and range.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        policy = {"dtype": "float32"}
        self._changes = [
            layers.RandomFlip("horizontal", **policy),
            layers.RandomTranslation(0.06, 0.06, fill_mode="nearest", **policy),
            layers.RandomRotation(_ROTATION, fill_mode="nearest", **policy),
            layers.RandomZoom(0.08, fill_mode="nearest", **policy),
            layers.RandomBrightness(0.15, **policy),
            layers.RandomContrast(0.25, value_range=(0, 255), **policy),
            layers.RandomErasing((0.5, 0.5), fill_value=127.5, **policy),
        ]

    def build(self, input_shape):
        """Builds the layers inside."""
        for change in self._changes:
            change.build(input_shape)

    def call(self, inputs, training=False):
        """Changes the images while training, and hands them on otherwise."""
        if not training:
            return inputs
        for change in self._changes:
            inputs = change(inputs, training=True)
        return inputs

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape

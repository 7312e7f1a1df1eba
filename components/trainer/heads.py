"""The head: cosines between embeddings and the learned centres of the people.

The head knows no margin; the loss puts it on the cosine of the target class. So whatever is
computed from the cosines, such as the accuracy, is free of the margin.

All of it runs in float32: in float16 the sum of squares of an embedding underflows, and a cosine
near 1 has only three digits.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

# What Keras knows the classes of this project by in a saved file.
PACKAGE = "arcface_pipeline"

_MIN_SQUARED_NORM = 1e-12


def l2_normalise(x):
    """Scales vectors to unit length.

    `keras.ops.normalize` has NaN for a gradient at the zero vector, which a batch of one image
    gives after batch normalisation; here the gradient is finite everywhere. It is written out,
    since the centres of many people are large: with y = x / |x| and g the gradient of y, that of x
    is (g - y (y . g)) / |x|. TensorFlow's chain of gradients takes about twice the memory and time.
    There is no second derivative.

    Args:
      x: float tensor [..., D].

    Returns:
      float32 [..., D], of length 1; zero where `x` is zero.
    """
    return _scaled_to_unit_length(ops.cast(x, "float32"))


@tf.custom_gradient
def _scaled_to_unit_length(x):
    squared_norm = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
    factor = tf.math.rsqrt(tf.maximum(squared_norm, _MIN_SQUARED_NORM))
    unit = x * factor

    def gradient(upstream):
        along = tf.reduce_sum(unit * upstream, axis=-1, keepdims=True)
        # Vectors that count as zero are multiplied with a constant.
        along = tf.where(squared_norm > _MIN_SQUARED_NORM, along, 0.0)
        return (upstream - unit * along) * factor

    return unit, gradient


@keras.saving.register_keras_serializable(package=PACKAGE)
class L2Normalisation(keras.layers.Layer):
    """`l2_normalise` as a layer: [N, D] to float32 [N, D], in float32 whatever the policy."""

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, inputs):
        """Normalises the last axis."""
        return l2_normalise(inputs)

    def compute_output_shape(self, input_shape):
        """The shape of the input."""
        return input_shape


class Drawn(NamedTuple):
    """The centres that a step compares its embeddings with, of S classes with k centres each.

    Attributes:
      centres: float32 [S * k, D], as they are learned: of any length. Those of a class are
        neighbours.
      targets: int [N], the place of each image's own class among the S.
      rows: int [S], which class stands at each place; None: all of them, in their order.
    """

    centres: Any
    targets: Any
    rows: Any = None


@keras.saving.register_keras_serializable(package=PACKAGE)
class CosineHead(keras.layers.Layer):
    """Cosines between embeddings and the learned centres of all classes, without a margin.

    With k > 1 a class has k centres, and its cosine is that of the nearest one (Deng et al. 2020,
    "Sub-center ArcFace: Boosting Face Recognition by Large-Scale Noisy Web Faces"): images with a
    wrong label gather around one of their own, and no longer pull at the others.

    The weight `centres` is [C * k, D] with the centres of a class in adjacent rows, so that drawing
    classes is reading whole rows.

    Args:
      num_classes: number of classes C, at least 2.
      sub_centres: k, centres of a class, at least 1.

    Call arguments:
      inputs: float [N, D], L2-normalised embeddings.

    Returns:
      float32 [N, C], cosines in [-1, 1] up to rounding, whatever the dtype policy.

    Raises:
      ValueError: a number is out of its range.
    """

    def __init__(self, num_classes: int, sub_centres: int = 1, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2. Received: {num_classes}")
        if sub_centres < 1:
            raise ValueError(f"sub_centres must be at least 1. Received: {sub_centres}")
        self.num_classes = num_classes
        self.num_drawn = num_classes
        self.sub_centres = sub_centres

    def build(self, input_shape):
        """Creates the centres, float32 [C * k, D]."""
        self.centres = self.add_weight(
            name="centres",
            shape=(self.num_classes * self.sub_centres, input_shape[-1]),
            initializer="glorot_normal",
        )

    def draw(self, labels, step) -> Drawn:
        """The centres that a step uses: all of them, in every step. The head has to be built.

        Args:
          labels: int [N], in [0, C).
          step: int scalar, which a head that draws some of the classes follows.
        """
        del step
        return Drawn(tf.convert_to_tensor(self.centres.value), labels)

    def cosines(self, embeddings, drawn: Drawn):
        """float32 [N, S]: cosines of L2-normalised embeddings [N, D] with the classes drawn."""
        return cosines_with(drawn.centres, embeddings, self.sub_centres)

    def call(self, inputs):
        """The cosines with all classes."""
        return cosines_with(self.centres, inputs, self.sub_centres)

    def compute_output_shape(self, input_shape):
        """[N, C]."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self):
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "sub_centres": self.sub_centres,
        }


def cosines_with(centres, embeddings, sub_centres: int = 1):
    """Cosines of embeddings with classes; with several centres a class, with the nearest of them.

    Args:
      centres: float [S * k, D], of any length.
      embeddings: float [N, D], of unit length.
      sub_centres: k.

    Returns:
      float32 [N, S].
    """
    directions = l2_normalise(centres)
    cosines = tf.matmul(ops.cast(embeddings, "float32"), directions, transpose_b=True)
    if sub_centres == 1:
        return cosines
    return ops.max(ops.reshape(cosines, (ops.shape(cosines)[0], -1, sub_centres)), axis=-1)

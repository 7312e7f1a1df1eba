"""The additive angular margin of ArcFace (Deng et al. 2019, arXiv:1801.07698).

The model's head returns the cosines between an embedding and every class centre, and the loss puts
the margin on the cosine of the target class. So whatever is computed from the model's output, such
as `accuracy`, is free of the margin, in training as in validation.

All of it runs in float32: in float16 the sum of squares of an embedding underflows, and a cosine
near 1 has only three digits.
"""

import math

import keras
from keras import ops

PACKAGE = "arcface_pipeline"

# 1 - cos^2 is held above this, where sqrt still has a finite gradient. It is about one float32 step
# below 1, so that the margin is exact to 4e-4 in the worst case, at cos = +-1.
_MIN_SQUARED_SINE = 1e-7
_MIN_SQUARED_NORM = 1e-12


def l2_normalise(x):
    """Scales vectors to unit length.

    `keras.ops.normalize` has NaN for a gradient at the zero vector, which a batch of one image
    gives after batch normalisation; here the gradient is finite everywhere.

    Args:
      x: float tensor [..., D].

    Returns:
      float32 [..., D], of length 1; zero where `x` is zero.
    """
    x = ops.cast(x, "float32")
    squared_norm = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squared_norm, _MIN_SQUARED_NORM))


def add_angular_margin(cosine, margin):
    """cos(theta + m) for cos(theta), where theta + m stays below pi.

    Beyond theta = pi - m the cosine of the sum would rise again, so the authors' own code falls
    back to cos(theta) - m sin(m) there, which keeps the result decreasing in theta.

    Args:
      cosine: float32 tensor, cosines in [-1, 1].
      margin: m, in radians, in [0, pi/2).

    Returns:
      float32 tensor of the same shape. Value and gradient are finite on all of [-1, 1].
    """
    # (1 - c)(1 + c) keeps digits near c = +-1 that 1 - c^2 loses.
    squared_sine = (1.0 - cosine) * (1.0 + cosine)
    sine = ops.sqrt(ops.maximum(squared_sine, _MIN_SQUARED_SINE))
    with_margin = cosine * math.cos(margin) - sine * math.sin(margin)
    fallback = cosine - margin * math.sin(margin)
    return ops.where(cosine > -math.cos(margin), with_margin, fallback)


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


@keras.saving.register_keras_serializable(package=PACKAGE)
class ArcFaceHead(keras.layers.Layer):
    """Cosines between embeddings and one learned centre a class, without a margin.

    Args:
      num_classes: number of classes C, at least 2.

    Call arguments:
      inputs: float [N, D], L2-normalised embeddings.

    Returns:
      float32 [N, C], cosines in [-1, 1] up to rounding, whatever the dtype policy.
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2. Received: {num_classes}")
        self.num_classes = num_classes

    def build(self, input_shape):
        """Creates the centres, float32 [D, C]."""
        self.centres = self.add_weight(
            name="centres", shape=(input_shape[-1], self.num_classes), initializer="glorot_normal"
        )

    def call(self, inputs):
        """Multiplies embeddings with the normalised centres."""
        return ops.matmul(inputs, ops.transpose(l2_normalise(ops.transpose(self.centres))))

    def compute_output_shape(self, input_shape):
        """[N, C]."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ArcFaceLoss(keras.losses.Loss):
    """Softmax cross-entropy of scaled cosines, with an angular margin on the target class.

    With `t = s * cos(theta_y + m)` for the target class y, the loss of an example is
    `-log(exp(t) / (exp(t) + sum over j != y of exp(s * cos(theta_j))))`, equation 3 of the paper.
    With `margin=0` it is the cross-entropy of a plain scaled softmax.

    Args:
      margin: m, in radians, in [0, pi/2).
      scale: s, above 0.

    Call arguments:
      y_true: integer labels [N], in [0, C).
      y_pred: float [N, C], cosines.

    Raises:
      ValueError: margin or scale is out of its range.
    """

    def __init__(
        self,
        margin: float = 0.5,
        scale: float = 64.0,
        name: str = "arcface_loss",
        reduction: str = "sum_over_batch_size",
    ):
        super().__init__(name=name, reduction=reduction, dtype="float32")
        if not 0.0 <= margin < math.pi / 2:
            raise ValueError(f"margin must be in [0, pi/2) radians. Received: {margin}")
        if scale <= 0.0:
            raise ValueError(f"scale must be above 0. Received: {scale}")
        self.margin = margin
        self.scale = scale

    def call(self, y_true, y_pred):
        """The loss of each example, float32 [N]."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        is_target = ops.one_hot(labels, ops.shape(y_pred)[-1], dtype="bool")
        cosine = ops.where(is_target, add_angular_margin(y_pred, self.margin), y_pred)
        return keras.losses.sparse_categorical_crossentropy(
            labels, self.scale * cosine, from_logits=True
        )

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}

"""ArcFace: an additive margin on the angle (Deng et al. 2019, arXiv:1801.07698)."""

import math

import keras
from keras import ops

from components.trainer.heads import PACKAGE
from components.trainer.losses.angles import sine_of
from components.trainer.losses.cross_entropy import margin_cross_entropy
from components.trainer.losses.margin_loss import MarginLoss, check_scale


def add_angular_margin(cosine, margin):
    """cos(theta + m) for cos(theta), where theta + m stays below pi.

    Beyond theta = pi - m the cosine of the sum would rise again, so the authors' own code falls
    back to cos(theta) - m sin(m) there, which keeps the result decreasing in theta.

    Args:
      cosine: float32 tensor, cosines in [-1, 1].
      margin: m, in radians, in [0, pi/2): a number or a scalar tensor.

    Returns:
      float32 tensor of the same shape. Value and gradient are finite on all of [-1, 1].
    """
    margin = ops.convert_to_tensor(margin, "float32")
    with_margin = cosine * ops.cos(margin) - sine_of(cosine) * ops.sin(margin)
    fallback = cosine - margin * ops.sin(margin)
    return ops.where(cosine > -ops.cos(margin), with_margin, fallback)


@keras.saving.register_keras_serializable(package=PACKAGE)
class ArcFace(MarginLoss):
    """The target's cosine becomes cos(theta + m), equation 3 of the paper.

    Beyond pi - m it goes on as `add_angular_margin` says.

    Args:
      margin: m, in radians, in [0, pi/2).
      scale: s, above 0.

    Raises:
      ValueError: margin or scale is out of its range.

    See Also:
      MarginLoss: what it is called with.
    """

    def __init__(self, margin: float = 0.5, scale: float = 64.0, **kwargs):
        super().__init__(scale, **kwargs)
        _check_margin(margin)
        self.margin = margin

    def with_margin(self, cosine, norms):
        """cos(theta + m)."""
        return add_angular_margin(cosine, self.margin_share * self.margin)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ArcFaceLoss(keras.losses.Loss):
    """`ArcFace` in the form that `keras.Model.compile` takes, of the cosines alone.

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
        _check_margin(margin)
        check_scale(scale)
        self.margin = margin
        self.scale = scale

    def call(self, y_true, y_pred):
        """The loss of each example, float32 [N]."""
        return margin_cross_entropy(
            y_pred, y_true, lambda cosine: add_angular_margin(cosine, self.margin), self.scale
        )

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}


def _check_margin(margin: float) -> None:
    if not 0.0 <= margin < math.pi / 2:
        raise ValueError(f"margin must be in [0, pi/2) radians. Received: {margin}")

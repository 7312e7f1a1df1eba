"""The combined margin of SphereFace, ArcFace and CosFace (Deng et al. 2019, arXiv:1801.07698)."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from components.trainer.heads import PACKAGE
from components.trainer.losses.angles import angle_of
from components.trainer.losses.margin_loss import MarginLoss
from components.trainer.margins import checked_margins


def stretch_angle(cosine, factor, margin):
    """cos(m1 theta + m2) for cos(theta), where m1 theta + m2 stays below pi.

    The sum reaches pi at theta_0 = (pi - m2) / m1. Beyond it, the cosine of the sum would rise
    again, and the subtraction of the ArcFace authors' own code (`add_angular_margin`) takes its
    place: cos(theta) - r sin(r), where r = pi - theta_0 is their margin if m1 = 1. With an r above
    2.33, as m1 = 4 has, that would begin above the -1 at which the cosine of the sum ends; then
    1 - cos(r) is subtracted, and it begins at -1. So the result never rises with theta.

    Args:
      cosine: float32 tensor, cosines in [-1, 1].
      factor: m1, a number or a scalar tensor.
      margin: m2, in radians, the same.

    Returns:
      float32 tensor of the same shape. Value and gradient are finite on all of [-1, 1].
    """
    last = (math.pi - ops.convert_to_tensor(margin, "float32")) / factor
    rest = math.pi - last
    drop = ops.maximum(rest * ops.sin(rest), 1.0 - ops.cos(rest))
    stretched = ops.cos(factor * angle_of(cosine) + margin)
    return ops.where(cosine > ops.cos(last), stretched, cosine - drop)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Combined(MarginLoss):
    """The target's cosine becomes cos(m1 theta + m2) - m3, equation 4 of the paper.

    m1 is SphereFace's margin (Liu et al. 2017, arXiv:1704.08063), m2 ArcFace's and m3 CosFace's:
    [1, m, 0] is ArcFace, and [1, 0, m] CosFace. Where m1 theta + m2 exceeds pi, it goes on as
    `stretch_angle` says. A share of the margins is a share of m1 - 1, m2 and m3.

    Args:
      margins: m1 in [0.5, 4], m2 in [0, 1.57] radians and m3 in [0, 1], with m1 pi + m2 >= pi.
      scale: s, above 0.

    Raises:
      ValueError: a margin or the scale is out of its range.

    See Also:
      MarginLoss: what it is called with.
    """

    def __init__(self, margins: Sequence[float] = (1.0, 0.3, 0.2), scale: float = 64.0, **kwargs):
        super().__init__(scale, **kwargs)
        self.margins = checked_margins(margins)

    def with_margin(self, cosine, norms):
        """cos(m1 theta + m2) - m3."""
        share = ops.convert_to_tensor(self.margin_share)
        m1, m2, m3 = self.margins
        return stretch_angle(cosine, 1.0 + share * (m1 - 1.0), share * m2) - share * m3

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "margins": self.margins}

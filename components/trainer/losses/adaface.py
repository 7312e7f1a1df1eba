"""AdaFace: margins that follow the quality of an image (Kim et al. 2022, arXiv:2204.00964)."""

import math

import keras
from keras import ops

from components.trainer.heads import PACKAGE
from components.trainer.losses.angles import angle_of
from components.trainer.losses.margin_loss import MarginLoss, check_range

# All as in the authors' code and its README: what the averages of the norms begin with, how much of
# them stays in each step, and what keeps norms, deviations and angles off their ends.
_FIRST_MEAN = 20.0
_FIRST_DEVIATION = 100.0
_MOMENTUM = 0.99
_NORMS = (1e-3, 100.0)
_EPSILON = 1e-3


@keras.saving.register_keras_serializable(package=PACKAGE)
class AdaFace(MarginLoss):
    """Large margins for good images, and small ones for those that nobody could recognise.

    The norm of an embedding before its normalisation stands for the quality of the image. With its
    running mean and deviation over the training's steps, and z = h (norm - mean) / deviation cut to
    [-1, 1], the target's cosine becomes cos(theta + g_angle) - g_add, where g_angle = -m z and
    g_add = m z + m. So an image of low quality (z = -1) has ArcFace's margin, an average one
    (z = 0) CosFace's, and of good ones (z = 1) the hard weigh more than the easy. As in the
    authors' code, theta + g_angle is cut to [0.001, pi - 0.001].

    The averages of the norms begin at the authors' 20 and 100. Until they have settled, within some
    500 steps, nearly all images have CosFace's margin.

    Weights, none of them trainable, beside `margin_share`:
      norm_mean: float32 scalar, running mean of the norms.
      norm_deviation: float32 scalar, running mean of their standard deviation in a batch.

    Args:
      margin: m, in [0, 1].
      h: how far the margins spread, above 0 and at most 1: about 68 % of images have |z| < h.
      scale: s, above 0.

    Raises:
      ValueError: an argument is out of its range.

    See Also:
      MarginLoss: what it is called with.
    """

    def __init__(self, margin: float = 0.4, h: float = 0.333, scale: float = 64.0, **kwargs):
        super().__init__(scale, **kwargs)
        check_range("margin", margin, 0.0, 1.0)
        if not 0.0 < h <= 1.0:
            raise ValueError(f"h must be above 0 and at most 1. Received: {h}")
        self.margin = margin
        self.h = h
        self.norm_mean = self._average("norm_mean", _FIRST_MEAN)
        self.norm_deviation = self._average("norm_deviation", _FIRST_DEVIATION)

    def follow(self, norms):
        """Moves the averages towards the norms of a batch."""
        norms = _safe(norms)
        mean = ops.mean(norms)
        # Of one image the deviation is 0, where the unbiased one would be no number.
        degrees = ops.maximum(ops.cast(ops.size(norms), "float32") - 1.0, 1.0)
        deviation = ops.sqrt(ops.sum(ops.square(norms - mean)) / degrees)
        for average, value in ((self.norm_mean, mean), (self.norm_deviation, deviation)):
            average.assign(_MOMENTUM * average + (1.0 - _MOMENTUM) * value)

    def with_margin(self, cosine, norms):
        """cos(theta + g_angle) - g_add."""
        margin = self.margin_share * self.margin
        quality = self.quality(norms)
        angle = ops.clip(angle_of(cosine) - margin * quality, _EPSILON, math.pi - _EPSILON)
        return ops.cos(angle) - margin * (1.0 + quality)

    def quality(self, norms):
        """z of each image, float32 [N] in [-1, 1], by the averages as they are."""
        z = (_safe(norms) - self.norm_mean) / (self.norm_deviation + _EPSILON)
        return ops.clip(self.h * z, -1.0, 1.0)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin, "h": self.h}

    def _average(self, name: str, first: float):
        """A running average; where several devices train, all keep the mean of theirs."""
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(first),
            trainable=False,
            aggregation="mean",
        )


def _safe(norms):
    """Norms as a measure of quality only: within bounds, and without a gradient."""
    return ops.stop_gradient(ops.clip(ops.cast(norms, "float32"), *_NORMS))

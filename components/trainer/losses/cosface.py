"""CosFace: an additive margin on the cosine (Wang et al. 2018, arXiv:1801.09414)."""

import keras

from components.trainer.heads import PACKAGE
from components.trainer.losses.margin_loss import MarginLoss, check_range


@keras.saving.register_keras_serializable(package=PACKAGE)
class CosFace(MarginLoss):
    """The target's cosine becomes cos(theta) - m, equation 4 of the paper.

    Args:
      margin: m, in [0, 1].
      scale: s, above 0.

    Raises:
      ValueError: margin or scale is out of its range.

    See Also:
      MarginLoss: what it is called with.
    """

    def __init__(self, margin: float = 0.35, scale: float = 64.0, **kwargs):
        super().__init__(scale, **kwargs)
        check_range("margin", margin, 0.0, 1.0)
        self.margin = margin

    def with_margin(self, cosine, norms):
        """cos(theta) - m."""
        return cosine - self.margin_share * self.margin

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin}

"""The normalised softmax: no margin (Wang et al. 2017, NormFace, arXiv:1704.06369)."""

import keras

from components.trainer.heads import PACKAGE
from components.trainer.losses.margin_loss import MarginLoss


@keras.saving.register_keras_serializable(package=PACKAGE)
class Softmax(MarginLoss):
    """The target's cosine stays as it is: cross-entropy of the softmax of s cos(theta_j).

    Args:
      scale: s, above 0.

    Raises:
      ValueError: scale is not above 0.

    See Also:
      MarginLoss: what it is called with.
    """

    def with_margin(self, cosine, norms):
        """cos(theta)."""
        return cosine

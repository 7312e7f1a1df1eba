"""What all losses with a margin share."""

import keras

from components.trainer.losses.cross_entropy import margin_cross_entropy


class MarginLoss(keras.layers.Layer):
    """Softmax cross-entropy of scaled cosines, with a margin on the target class.

    A loss is a layer, so that what it keeps from step to step is a variable like all others: saved
    and restored with them. It computes in float32 whatever the policy. A subclass says what the
    margin does, in `with_margin`.

    Weights, none of them trainable:
      margin_share: float32 scalar, 1 at first; every margin is multiplied with it. A training that
        lets the margin rise assigns it before each step; at 0 the loss is the normalised softmax.

    Args:
      scale: s, above 0.

    Call arguments:
      cosines: float [N, C], without margin.
      labels: int [N] or [N, 1], in [0, C).
      norms: float [N], lengths of the embeddings before their normalisation. They get no gradient.
      training: True lets a loss that follows the norms take these into account.

    Returns:
      float32 [N], the loss of each image.

    Raises:
      ValueError: scale is not above 0.
    """

    def __init__(self, scale: float = 64.0, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        check_scale(scale)
        self.scale = scale
        self.margin_share = self.add_weight(
            name="margin_share", shape=(), initializer="ones", trainable=False
        )

    def with_margin(self, cosine, norms):
        """The target's cosine with its margin, before the scale.

        Args:
          cosine: float32 [N], in [-1, 1].
          norms: float32 [N].

        Returns:
          float32 [N], not rising with the angle. Value and gradient are finite on all of [-1, 1].
        """
        raise NotImplementedError

    def follow(self, norms):
        """Takes the norms of a training step into account; most losses have no use for them."""

    def call(self, cosines, labels, norms, training=False):
        """The loss of each image."""
        if training:
            self.follow(norms)
        return margin_cross_entropy(
            cosines, labels, lambda own: self.with_margin(own, norms), self.scale
        )

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


def check_scale(scale: float) -> None:
    """Raises ValueError unless a scale is above 0."""
    if scale <= 0.0:
        raise ValueError(f"scale must be above 0. Received: {scale}")


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Raises ValueError unless a number is in [least, most]."""
    if not least <= value <= most:
        raise ValueError(f"{name} must be in [{least:g}, {most:g}]. Received: {value}")

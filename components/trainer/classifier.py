"""What is trained: an embedding model, the head with the people's centres, and the loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from components.trainer.heads import CosineHead, Drawn, l2_normalise
from components.trainer.losses import MarginLoss
from components.trainer.model import FaceEmbeddingModel
from components.trainer.partial_fc import PartialFC


class Batch(NamedTuple):
    """What a forward pass gives of N images.

    Attributes:
      losses: float32 [N].
      cosines: float32 [N, S], without margin.
      norms: float32 [N], of the embeddings before their normalisation.
      own_with_margin: float32 [N], the cosine to the own centre with its margin.
    """

    losses: tf.Tensor
    cosines: tf.Tensor
    norms: tf.Tensor
    own_with_margin: tf.Tensor


@dataclass(frozen=True)
class Classifier:
    """The parts of a training, which share nothing but the embeddings.

    Attributes:
      embedding_model: [N, H, W, C] pixels in [0, 255] to [N, D].
      head: cosines to the centres.
      loss: from cosines to a loss an image.
    """

    embedding_model: FaceEmbeddingModel
    head: CosineHead | PartialFC
    loss: MarginLoss

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """What the optimiser moves: all but the centres of a head that moves them itself."""
        return [*self.embedding_model.trainable_variables, *self.head.trainable_variables]

    @property
    def variables(self) -> dict[str, Sequence[Any]]:
        """All variables by the part that they belong to, the state of random draws included."""
        return {
            "embedding_model": self.embedding_model.variables,
            "head": self.head.variables,
            "loss": self.loss.variables,
        }

    def forward(self, pixels: tf.Tensor, drawn: Drawn) -> Batch:
        """Embeds a batch in training, and measures it against the centres that a step draws.

        Args:
          pixels: uint8 or float [N, H, W, C] in [0, 255].
          drawn: by the head, for the batch's labels.
        """
        features = self.embedding_model.features(pixels, training=True)
        norms = ops.norm(features, axis=-1)
        cosines = self.head.cosines(l2_normalise(features), drawn)
        losses = self.loss(cosines, drawn.targets, norms, training=True)
        own = tf.gather(cosines, drawn.targets, batch_dims=1)
        return Batch(losses, cosines, norms, self.loss.with_margin(own, norms))

    def judge(self, pixels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Losses float32 [N] against all centres, and whether the nearest is the own: bool [N]."""
        features = self.embedding_model.features(pixels, training=False)
        norms = ops.norm(features, axis=-1)
        cosines = self.head(l2_normalise(features))
        losses = self.loss(cosines, labels, norms, training=False)
        return losses, ops.argmax(cosines, axis=-1) == ops.cast(labels, "int32")

    def penalty(self) -> tf.Tensor:
        """The L2 penalty of the embedding model's kernels, float32 scalar."""
        return tf.add_n(self.embedding_model.losses or [tf.constant(0.0)])

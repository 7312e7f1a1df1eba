"""Softmax cross-entropy of cosines, with a margin on the target class."""

from collections.abc import Callable

import tensorflow as tf


def margin_cross_entropy(
    cosines: tf.Tensor,
    labels: tf.Tensor,
    with_margin: Callable[[tf.Tensor], tf.Tensor],
    scale: float,
) -> tf.Tensor:
    """Cross-entropy of the softmax of scaled cosines, with a margin on the target class.

    With t, the target's cosine with its margin, the loss of an image of class y is
    `-log(exp(s t) / (exp(s t) + sum over j != y of exp(s cos_j)))`.

    A head of many classes is as slow as the number of times that [N, C] values are written, and as
    large as the number of arrays of them. So the gradient is written out: between the forward and
    the backward pass there is one array, the softmax minus one at the target, which TensorFlow's
    kernel gives beside the loss, and the margin's own derivative is taken of [N] values. There is
    no second derivative.

    Args:
      cosines: float32 [N, C].
      labels: int [N] or [N, 1], in [0, C).
      with_margin: from the targets' cosines [N] to those with their margin [N].
      scale: s, above 0.

    Returns:
      float32 [N], the loss of each image. Only `cosines` has a gradient.
    """
    labels = tf.cast(tf.reshape(labels, (-1,)), tf.int64)
    places = tf.stack([tf.range(tf.size(labels, tf.int64)), labels], axis=1)
    own = tf.stop_gradient(tf.gather_nd(cosines, places))
    with tf.GradientTape() as tape:
        tape.watch(own)
        target = with_margin(own)
    slope = tape.gradient(target, own)

    @tf.custom_gradient
    def losses(cosines):
        logits = tf.tensor_scatter_nd_update(scale * cosines, places, scale * target)
        loss, excess = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
            features=logits, labels=labels
        )

        def gradient(upstream):
            steps = (scale * upstream)[:, tf.newaxis] * excess
            of_targets = slope * tf.gather_nd(steps, places)
            return tf.tensor_scatter_nd_update(steps, places, of_targets)

        return loss, gradient

    return losses(cosines)

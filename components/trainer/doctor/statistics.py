"""What a training step shows of its convergence, as a few numbers that are computed in its graph.

Nothing of the size of the cosines, [N, S], is made beside them.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import ops

_DEGREES = 180.0 / math.pi

# How many weights of each kernel are watched: the relative change of as many is within
# 1 / sqrt(2 * 4096), about 1 %, of that of all, and copying them costs nothing beside a step.
_WATCHED = 4_096


def batch_statistics(
    cosines: tf.Tensor, targets: tf.Tensor, norms: tf.Tensor, target_with_margin: tf.Tensor
) -> dict[str, tf.Tensor]:
    """How a batch lies among the centres.

    Args:
      cosines: float32 [N, S], between each embedding and the S >= 2 centres that it is compared
        with; of a class with sub-centres, the greatest.
      targets: integer [N], in [0, S): each image's own column.
      norms: float32 [N], lengths of the embeddings before L2 normalisation.
      target_with_margin: float32 [N], the own cosine after the margin, before the scale.

    Returns:
      Scalars, float32, by name:
        accuracy: share of the images whose own centre is nearer than all others; no margin.
        angle_own, angle_nearest_other: mean angle to the own and to the nearest other centre, in
          degrees.
        embedding_norm: mean length before normalisation.
        past_margin: share of the images that are nearer to their own centre than to the others
          even with the margin.
        spread: 1 - sum over centres of (mean cosine)^2 / mean over images of the sum of cosine^2,
          in [0, 1]: the share of the embeddings, as the centres see them, that differs between
          images. 0: all images have the same cosines.
    """
    # Not `ops.take_along_axis`, which copies all cosines.
    own = tf.gather(cosines, targets, batch_dims=1)
    other = _nearest_other(cosines, targets)
    return {
        "accuracy": _share(own > other),
        "angle_own": _mean_angle(own),
        "angle_nearest_other": _mean_angle(other),
        "embedding_norm": ops.mean(norms),
        "past_margin": _share(target_with_margin > other),
        "spread": _spread(cosines),
    }


def gradient_norm(gradients: Sequence[tf.Tensor | None]) -> tf.Tensor:
    """The length of all gradients as one vector, float32; those that are None count as zero."""
    squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients if g is not None]
    return ops.sqrt(sum(squares, start=ops.zeros(())))


class WeightWatch:
    """How far the kernels of a model have moved, on a sample of each one's weights.

    Args:
      variables: a model's trainable variables. Those of fewer than two axes (biases, slopes, what
        normalisation has) are left out: many start at zero, from where any change is infinite.
    """

    def __init__(self, variables: Sequence[keras.Variable]):
        kernels = [variable for variable in variables if len(variable.shape) > 1]
        # One call for all of them: tens of small ones take longer than a step of a small network.
        self._sample = tf.function(lambda: [_some_of(kernel) for kernel in kernels])
        self._last = self._weights()

    def change(self) -> float:
        """The median over the kernels of |w - w'| / |w'|, w' being the weights at the last call."""
        now = self._weights()
        changes = [
            np.linalg.norm(new - old) / max(np.linalg.norm(old), np.finfo(np.float32).tiny)
            for new, old in zip(now, self._last, strict=True)
        ]
        self._last = now
        return float(np.median(changes))

    def _weights(self) -> list[np.ndarray]:
        return [weights.numpy() for weights in self._sample()]


def _some_of(kernel: keras.Variable) -> tf.Tensor:
    """At most about `_WATCHED` weights, evenly spaced: they are cut out before they are copied."""
    flat = ops.cast(ops.reshape(kernel, (-1,)), "float32")
    return flat[:: max(1, math.prod(kernel.shape) // _WATCHED)]


def _nearest_other(cosines: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The greatest cosine [N] to a centre that is not the own one."""
    values, columns = ops.top_k(cosines, 2)
    own_is_first = ops.equal(columns[:, 0], ops.cast(targets, columns.dtype))
    return ops.where(own_is_first, values[:, 1], values[:, 0])


def _spread(cosines: tf.Tensor) -> tf.Tensor:
    images = ops.cast(ops.shape(cosines)[0], "float32")
    mean_square = ops.vdot(cosines, cosines) / images
    square_of_mean = ops.sum(ops.square(ops.mean(cosines, axis=0)))
    return 1.0 - square_of_mean / ops.maximum(mean_square, keras.config.epsilon() ** 2)


def _mean_angle(cosine: tf.Tensor) -> tf.Tensor:
    return ops.mean(ops.arccos(ops.clip(cosine, -1.0, 1.0))) * _DEGREES


def _share(condition: tf.Tensor) -> tf.Tensor:
    return ops.mean(ops.cast(condition, "float32"))

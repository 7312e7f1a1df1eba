"""Partial FC: a head for many people that trains with a sample of them in each step.

After An et al. 2021 (arXiv:2010.05222) and 2022 (arXiv:2203.15565): of C classes a step uses those
of its own images and a random choice of the others, a share `rate` of C in all. Products, gradients
and the optimiser's work shrink to that share. The rows that a step leaves out still coast and decay
as they would in the full head (`components.trainer.row_updates`).
"""

import math

import keras
import tensorflow as tf

from components.trainer.heads import Drawn, cosines_with
from components.trainer.row_updates import LazyRows, RowRule
from groundfloor.draws import Draw, derived_seed

# Centres that are made, or measured against all embeddings of a batch, at a time.
_BLOCK = 16_384
_FEISTEL_ROUNDS = 8


class PartialFC(keras.layers.Layer):
    """Cosines between embeddings and the centres of the classes that a step draws.

    The centres are no trainable variables: the gradient is taken with respect to `drawn.centres`,
    and `update` moves them.

    >>> from components.trainer.row_updates import SGDRule
    >>> head = PartialFC(10, 0.5, SGDRule(momentum=0.9, weight_decay=5e-4), seed=0)
    >>> head.build((None, 2))
    >>> drawn = head.draw(labels=[7, 3, 7], step=0)
    >>> print(drawn.rows[:2].numpy(), drawn.targets.numpy(), drawn.centres.shape)
    [3 7] [1 0 1] (5, 2)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(drawn.centres)
    ...     cosines = head.cosines([[0.6, 0.8]] * 3, drawn)
    >>> head.update(drawn, tape.gradient(cosines, drawn.centres), learning_rate=0.1)

    Args:
      num_classes: C, at least 2.
      rate: share of the classes in a step, in (0, 1].
      rule: how the optimiser moves rows, see `row_rule_of`.
      seed: of the configuration; first centres and draws follow from it.
      sub_centres: k, centres a class, drawn together.
      window: see `LazyRows`.

    Call arguments:
      inputs: float32 [N, D], embeddings of unit length.

    Returns:
      float32 [N, C], cosines to all classes; no other array has all centres.

    Raises:
      ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        rate: float,
        rule: RowRule,
        seed: int,
        *,
        sub_centres: int = 1,
        window: int = 4096,
        **kwargs,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2. Received: {num_classes}")
        if not 0.0 < rate <= 1.0:
            raise ValueError(f"rate must be above 0 and at most 1. Received: {rate}")
        if sub_centres < 1:
            raise ValueError(f"sub_centres must be at least 1. Received: {sub_centres}")
        self.num_classes = num_classes
        self.num_drawn = max(2, round(rate * num_classes))
        self.sub_centres = sub_centres
        self.seed = seed
        self._rows = LazyRows(rule, window, name="centres")

    def build(self, input_shape):
        """Creates the centres, float32 [C * k, D], of the variance of Glorot's initialiser."""
        shape = (self.num_classes * self.sub_centres, input_shape[-1])
        self._rows.build(shape)
        seed = derived_seed(Draw.FIRST_CENTRES, self.seed)
        for block, start in enumerate(range(0, shape[0], _BLOCK)):
            rows = tf.range(start, min(start + _BLOCK, shape[0]), dtype=tf.int64)
            first = tf.random.stateless_normal((len(rows), shape[1]), _seeds(seed, block))
            self._rows.assign_rows(rows, first * math.sqrt(2.0 / sum(shape)))

    def draw(self, labels: tf.Tensor, step: tf.Tensor) -> Drawn:
        """The classes of a step, with their centres as all updates so far have left them.

        Which they are follows from seed, step and labels alone. Changes nothing.

        Args:
          labels: int [N], in [0, C).
          step: int scalar, at least 0.

        Returns:
          The classes of the labels in rising order, then others in random order: `num_drawn` in
          all, or the labels' own where these are more. A class comes once.
        """
        classes, targets = draw_classes(
            tf.cast(labels, tf.int64),
            self.num_classes,
            self.num_drawn,
            _seeds(derived_seed(Draw.SAMPLED_CLASSES, self.seed), step),
        )
        return Drawn(self._rows.read(self._rows_of(classes)), targets, classes)

    def cosines(self, embeddings: tf.Tensor, drawn: Drawn) -> tf.Tensor:
        """Cosines float32 [N, S] of embeddings, float32 [N, D] of unit length, to drawn classes."""
        return cosines_with(drawn.centres, embeddings, self.sub_centres)

    def update(self, drawn: Drawn, gradient: tf.Tensor, learning_rate: tf.Tensor) -> None:
        """Takes the optimiser's step with all centres; only the drawn ones have a gradient.

        Args:
          drawn: by `draw`, since the last update.
          gradient: float32 [S * k, D], of the loss with respect to `drawn.centres`.
          learning_rate: float scalar, of this step.
        """
        rows = self._rows_of(drawn.rows)
        self._rows.update(rows, drawn.centres, gradient, learning_rate)

    def call(self, inputs):
        """Goes over the centres in blocks; changes nothing."""
        block = min(self.num_classes, _BLOCK)

        def cosines_of_block(start: tf.Tensor) -> tf.Tensor:
            classes = tf.minimum(start + tf.range(block, dtype=tf.int64), self.num_classes - 1)
            centres = self._rows.read(self._rows_of(classes))
            return cosines_with(centres, inputs, self.sub_centres)

        blocks = tf.map_fn(
            cosines_of_block,
            tf.range(0, self.num_classes, block, dtype=tf.int64),
            parallel_iterations=1,
            fn_output_signature=tf.float32,
        )
        joined = tf.reshape(tf.transpose(blocks, (1, 0, 2)), (tf.shape(inputs)[0], -1))
        return joined[:, : self.num_classes]

    def compute_output_shape(self, input_shape):
        """[N, C]."""
        return (*input_shape[:-1], self.num_classes)

    def _rows_of(self, classes: tf.Tensor) -> tf.Tensor:
        """The rows of the classes' centres, int64 [S * k]: those of one class are neighbours."""
        places = tf.range(self.sub_centres, dtype=tf.int64)
        return tf.reshape(classes[:, tf.newaxis] * self.sub_centres + places, (-1,))


def draw_classes(
    labels: tf.Tensor, num_classes: int, count: int, seeds: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A sample of classes without replacement that has all those of a batch.

    Args:
      labels: int64 [N], in [0, C).
      num_classes: C.
      count: how many, unless the labels have more.
      seeds: int64 [2], of the draw.

    Returns:
      The classes, int64 [S], those of the labels first and in rising order; and the place of each
      label among them, int64 [N].
    """
    own = tf.sort(tf.unique(labels).y)
    shuffled = permuted(tf.range(count, dtype=tf.int64), num_classes, seeds)
    place = tf.minimum(tf.searchsorted(own, shuffled), tf.size(own) - 1)
    others = tf.boolean_mask(shuffled, tf.gather(own, place) != shuffled)
    classes = tf.concat([own, others[: tf.maximum(count - tf.size(own), 0)]], axis=0)
    return classes, tf.searchsorted(own, labels, out_type=tf.int64)


def permuted(places: tf.Tensor, size: int, seeds: tf.Tensor) -> tf.Tensor:
    """Where a random permutation of [0, size) puts places, without the rest of it being made.

    A Feistel network with tables of random numbers for its functions (Luby and Rackoff 1988) on
    pairs of digits, of which there are a few more than `size`; what falls outside of [0, size) is
    permuted on until it falls inside (Black and Rogaway 2002, "Ciphers with arbitrary finite
    domains"). The cost is that of the places, and of a table of sqrt(size) numbers a round.

    Args:
      places: int64 [M], in [0, size).
      size: of what is permuted.
      seeds: int64 [2]; the permutation follows from them.

    Returns:
      int64 [M]; no two are alike where no two places are.
    """
    high = math.isqrt(size - 1) + 1
    low = math.ceil(size / high)
    tables = tf.random.stateless_uniform(
        (_FEISTEL_ROUNDS, high), seeds, maxval=2**31 - 1, dtype=tf.int32, alg="philox"
    )
    tables = tf.cast(tables, tf.int64)

    def network(pairs: tf.Tensor) -> tf.Tensor:
        left, right = pairs // low, pairs % low
        for number in range(_FEISTEL_ROUNDS):
            size_of_left = low if number % 2 else high
            left, right = right, (left + tf.gather(tables[number], right)) % size_of_left
        return left * low + right

    (inside,) = tf.while_loop(
        lambda found: tf.reduce_any(found >= size),
        lambda found: (tf.where(found >= size, network(found), found),),
        (network(places),),
    )
    return inside


def _seeds(seed: int, number: tf.Tensor | int) -> tf.Tensor:
    """A seed for each number under one seed, int64 [2]."""
    return tf.stack([tf.constant(seed, tf.int64), tf.cast(number, tf.int64)])

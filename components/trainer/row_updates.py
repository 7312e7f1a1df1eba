"""Trains a few rows of a large weight at a time, and leaves it as if all had been trained.

A row that gets no gradient stands still only where there is neither momentum nor decay: a dense
optimiser lets every row coast on its momentum and shrink by its decay in every step. To do that to
all rows is what makes a step with many rows dear. Here a row is left as it is, with the number of
its last update, and is brought to the present when it is read next.

A step without gradient is a linear map of the pair (weight, pull), where the pull is what the slots
of the optimiser do to the weight: the momentum of SGD, or m / (sqrt(v) + epsilon) of Adam. With the
rate r of the step, the decay d, and the ratio q by which the pull fades in a step:

    pull   <- q * pull
    weight <- (1 - r * d) * weight + p * pull        p: 1 for SGD, -(corrected rate) for Adam

So what several steps do is linear as well, weight <- shrunk * weight + pulled * pull, with two
numbers that are the same for all rows of one last update. They are kept in float64 for the last
`window` updates and carried on in every step, whatever its rate. Rows are brought to the present in
turn, a few in every step, so that none is older than the window.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from groundfloor.errors import UserError

Slots = Sequence[tf.Tensor]


class RowUpdateError(UserError):
    """Rows cannot be updated one by one as the training is set up."""


class RowRule(ABC):
    """What an optimiser does to rows in a step, with a gradient and without one."""

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of what the optimiser keeps for each weight."""

    @property
    @abstractmethod
    def fading(self) -> float:
        """The share q of the pull that is left after a step without gradient."""

    @abstractmethod
    def pull(self, slots: Slots) -> tf.Tensor | float:
        """What the slots do to the weights, float32 [M, D]."""

    @abstractmethod
    def faded(self, slots: Slots, steps: tf.Tensor) -> list[tf.Tensor]:
        """The slots, float32 [M, D], after as many steps without gradient, int64 [M]."""

    @abstractmethod
    def idle(self, rate: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What a step without gradient multiplies weight and faded pull with.

        Args:
          rate: float64 scalar.
          step: int64 scalar, the number of the step from 1.

        Returns:
          (1 - rate * decay) and p, float64 scalars.
        """

    @abstractmethod
    def moved(
        self,
        weights: tf.Tensor,
        slots: Slots,
        gradient: tf.Tensor,
        rate: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Weights and slots after a step with a gradient, all float32 [M, D]."""


@dataclass(frozen=True)
class SGDRule(RowRule):
    """`keras.optimizers.SGD`: m <- momentum * m - r * g; w <- (1 - r * d) * w + m.

    Rows come out as from the dense optimiser, up to rounding.

    Args:
      momentum: in [0, 1).
      weight_decay: d, at least 0; decoupled from the gradient, as Keras' is.
    """

    momentum: float
    weight_decay: float

    @property
    def slots(self) -> tuple[str, ...]:
        """The momentum, where there is one."""
        return ("momentum",) if self.momentum else ()

    @property
    def fading(self) -> float:
        """The momentum's factor."""
        return self.momentum

    def pull(self, slots: Slots) -> tf.Tensor | float:
        """The momentum itself."""
        return slots[0] if slots else 0.0

    def faded(self, slots: Slots, steps: tf.Tensor) -> list[tf.Tensor]:
        """The momentum fades by its factor."""
        return [slot * _power(self.momentum, steps) for slot in slots]

    def idle(self, rate: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The momentum moves the weight as it is."""
        del step
        return 1.0 - rate * self.weight_decay, tf.ones_like(rate)

    def moved(
        self,
        weights: tf.Tensor,
        slots: Slots,
        gradient: tf.Tensor,
        rate: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Keras' update, in its order of operations."""
        del step
        momentum = self.momentum * self.pull(slots) - rate * gradient
        return _shrunk(weights, self.weight_decay, rate) + momentum, [momentum][: len(slots)]


@dataclass(frozen=True)
class AdamRule(RowRule):
    """`keras.optimizers.Adam` and `AdamW`, with the first and second moment m and v.

    In a step without gradient m fades by beta_1, v by beta_2, and so the pull m / (sqrt(v) + e) by
    beta_1 / sqrt(beta_2) where e is small beside sqrt(v). Where it is not, e fades with sqrt(v)
    here but stays in the dense method. With Keras' betas that is less than a tenth of the rate for
    each time that a row is caught up, and nothing where gradients are well above e.

    Args:
      beta_1: in [0, 1).
      beta_2: in (0, 1).
      epsilon: e, above 0.
      weight_decay: d, at least 0; decoupled from the gradient.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float

    @property
    def slots(self) -> tuple[str, ...]:
        """The first and the second moment, by Keras' names."""
        return ("momentum", "velocity")

    @property
    def fading(self) -> float:
        """Of the first moment over the root of the second."""
        return self.beta_1 / math.sqrt(self.beta_2)

    def pull(self, slots: Slots) -> tf.Tensor:
        """The direction of Adam's step, before the rate."""
        momentum, velocity = slots
        return momentum / (tf.sqrt(velocity) + self.epsilon)

    def faded(self, slots: Slots, steps: tf.Tensor) -> list[tf.Tensor]:
        """Each moment fades by its beta."""
        momentum, velocity = slots
        return [momentum * _power(self.beta_1, steps), velocity * _power(self.beta_2, steps)]

    def idle(self, rate: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The pull moves the weight by the corrected rate."""
        return 1.0 - rate * self.weight_decay, -self._corrected(rate, step)

    def moved(
        self,
        weights: tf.Tensor,
        slots: Slots,
        gradient: tf.Tensor,
        rate: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Keras' update: the moments move towards the gradient, the weights against the pull."""
        momentum, velocity = slots
        momentum += (gradient - momentum) * (1.0 - self.beta_1)
        velocity += (tf.square(gradient) - velocity) * (1.0 - self.beta_2)
        corrected = tf.cast(self._corrected(tf.cast(rate, tf.float64), step), tf.float32)
        step_taken = corrected * self.pull((momentum, velocity))
        return _shrunk(weights, self.weight_decay, rate) - step_taken, [momentum, velocity]

    def _corrected(self, rate: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """The rate with both moments' corrections for having begun at 0, float64."""
        bias_1, bias_2 = (_power64(beta, step) for beta in (self.beta_1, self.beta_2))
        return rate * tf.sqrt(1.0 - bias_2) / (1.0 - bias_1)


def row_rule_of(optimizer: keras.optimizers.Optimizer) -> RowRule:
    """The rule by which an optimiser's rows are updated, with its momentum, decay and betas.

    Its rate, and what it does to gradients before the update, such as clipping, are the caller's.

    Args:
      optimizer: `SGD`, `Adam` or `AdamW` of Keras; one that scales the loss stands for the one in
        it.

    Raises:
      RowUpdateError: it is another optimiser, or has an option that rows cannot follow.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    for option in ("nesterov", "amsgrad", "gradient_accumulation_steps"):
        if getattr(inner, option, None):
            raise RowUpdateError(
                f"model.partial_fc works without {option}: set it to null, or leave {option} out"
            )
    decay = inner.weight_decay or 0.0
    if type(inner) is keras.optimizers.SGD:
        return SGDRule(inner.momentum, decay)
    if type(inner) in (keras.optimizers.Adam, keras.optimizers.AdamW):
        return AdamRule(inner.beta_1, inner.beta_2, inner.epsilon, decay)
    raise RowUpdateError(
        f"model.partial_fc works with SGD, Adam and AdamW, not with {type(inner).__name__}: "
        "choose one of them, or set it to null"
    )


class LazyRows(keras.layers.Layer):
    """A weight of many rows, of which each step reads and moves a few.

    Its variables, all non-trainable, are its whole state: `weights_of_rows` float32 [R, D], a slot
    of the same shape for each of the rule's, `last_updates` int64 [R], `updates` int64, and what
    the updates since each of the last W did to a row, `shrunk` and `pulled`, float64 [W].

    Args:
      rule: how rows move.
      window: W, updates that are remembered; more of them sweep fewer rows a step.
    """

    def __init__(self, rule: RowRule, window: int = 4096, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if window < 2:
            raise ValueError(f"window must be at least 2. Received: {window}")
        self.rule = rule
        self.window = window

    def build(self, shape: tuple[int, int]) -> None:
        """Creates the variables; all rows are 0.

        Args:
          shape: R, D.

        Raises:
          RowUpdateError: several devices train, each of which would draw rows of its own.
        """
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise RowUpdateError(
                "model.partial_fc works on one device: set it to null, or train on one device"
            )
        self.weights_of_rows = self._state("weights_of_rows", shape)
        self.slots = [self._state(name, shape) for name in self.rule.slots]
        self.last_updates = self._state("last_updates", shape[:1], "int64")
        self.updates = self._state("updates", (), "int64")
        self.shrunk = self._state("shrunk", (self.window,), "float64", "ones")
        self.pulled = self._state("pulled", (self.window,), "float64")
        # All rows come round in window - 1 updates, so that each is within the window always.
        self._swept = math.ceil(shape[0] / (self.window - 1))

    def assign_rows(self, rows: tf.Tensor, weights: tf.Tensor) -> None:
        """Sets rows, int64 [M], that are not trained yet to weights, float32 [M, D]."""
        _scatter(self.weights_of_rows, rows, weights)

    def read(self, rows: tf.Tensor) -> tf.Tensor:
        """The present weights of rows, int64 [M], as float32 [M, D]. Changes nothing."""
        place = tf.gather(self.last_updates.value, rows) % self.window
        shrunk = tf.gather(self.shrunk.value, place)
        pulled = tf.gather(self.pulled.value, place)
        pull = self.rule.pull([tf.gather(slot.value, rows) for slot in self.slots])
        return _column(shrunk) * tf.gather(self.weights_of_rows.value, rows) + (
            _column(pulled) * pull
        )

    def update(
        self, rows: tf.Tensor, weights: tf.Tensor, gradient: tf.Tensor, rate: tf.Tensor
    ) -> None:
        """Takes a step: the rows move by their gradient, and all others as without one.

        Args:
          rows: int64 [M], no two alike.
          weights: float32 [M, D], what `read` gave of them since the last update.
          gradient: float32 [M, D].
          rate: float scalar, the learning rate of this step.
        """
        slots = self._read_slots(rows)
        self._pass_a_step(tf.cast(rate, tf.float64))
        moved = self.rule.moved(weights, slots, gradient, tf.cast(rate, tf.float32), self._now())
        self._write(rows, *moved)
        swept = (self._now() * self._swept + tf.range(self._swept, dtype=tf.int64)) % (
            self.weights_of_rows.shape[0]
        )
        self._write(swept, self.read(swept), self._read_slots(swept))

    def _pass_a_step(self, rate: tf.Tensor) -> None:
        """Adds a step to what has been done since each of the last updates."""
        places = tf.range(self.window, dtype=tf.int64)
        ages = (self._now() - places) % self.window
        self.updates.assign_add(1)
        shrunk, pull = self.rule.idle(rate, self._now())
        pulled = shrunk * self.pulled.value + pull * _power64(self.rule.fading, ages + 1)
        is_now = places == self._now() % self.window
        self.shrunk.assign(tf.where(is_now, tf.ones_like(pulled), shrunk * self.shrunk.value))
        self.pulled.assign(tf.where(is_now, tf.zeros_like(pulled), pulled))

    def _read_slots(self, rows: tf.Tensor) -> list[tf.Tensor]:
        """The present slots of rows."""
        steps = self._now() - tf.gather(self.last_updates.value, rows)
        return self.rule.faded([tf.gather(slot.value, rows) for slot in self.slots], steps)

    def _write(self, rows: tf.Tensor, weights: tf.Tensor, slots: Slots) -> None:
        """Writes present weights and slots."""
        _scatter(self.weights_of_rows, rows, weights)
        for variable, slot in zip(self.slots, slots, strict=True):
            _scatter(variable, rows, slot)
        _scatter(self.last_updates, rows, tf.fill(tf.shape(rows), self._now()))

    def _now(self) -> tf.Tensor:
        return tf.convert_to_tensor(self.updates.value)

    def _state(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        initializer: str = "zeros",
    ) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            trainable=False,
            autocast=False,
        )


def _scatter(variable: keras.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Writes rows in place; nothing else of the variable is read or copied."""
    variable.value.scatter_update(tf.IndexedSlices(values, rows))


def _shrunk(weights: tf.Tensor, decay: float, rate: tf.Tensor) -> tf.Tensor:
    """Weights after a step's decay."""
    return weights - weights * decay * rate if decay else weights


def _power64(base: float, exponents: tf.Tensor) -> tf.Tensor:
    """base ** exponents, float64."""
    return tf.pow(tf.constant(base, tf.float64), tf.cast(exponents, tf.float64))


def _power(base: float, exponents: tf.Tensor) -> tf.Tensor:
    """base ** exponents for each row, float32 [M, 1]."""
    return _column(_power64(base, exponents))


def _column(factors: tf.Tensor) -> tf.Tensor:
    """A factor for each row, float32 [M, 1]."""
    return tf.cast(factors, tf.float32)[:, tf.newaxis]

"""The optimisers by name: Keras' own, set up as the configuration says.

What Keras makes of the settings (3.15; the tests hold it to this):

- `accumulate`: the mean gradient of so many batches makes one step; clipping sees that mean, and
  decay and moments act once.
- `weight_decay` is decoupled from the gradient (Loshchilov and Hutter 2019, arXiv:1711.05101) and
  scaled by the rate: `w -= rate * decay * w`, with `sgd`, too. PyTorch's SGD, and with it
  arcface_torch, puts `decay * w` into the gradient, where momentum m makes it 1 / (1 - m) times as
  much: its 5e-4 with momentum 0.9 is 5e-3 here.
- `adam` takes no decay: with one, Keras' Adam is AdamW.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from components.trainer.config import TrainingConfig

OPTIMIZERS: Mapping[str, Callable[..., keras.optimizers.Optimizer]] = {
    "sgd": keras.optimizers.SGD,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
}

_MOMENTUM = 0.9

# Biases, normalisation (gamma, beta) and the slopes of PReLU (alpha), whatever their layer is
# called. TensorFlow names a copy on a second device `gamma/replica_1:0`.
_NOT_DECAYED = r"(^|/)(bias|gamma|beta|alpha)(/replica_\d+)?(:\d+)?$"


def build_optimizer(training: TrainingConfig) -> keras.optimizers.Optimizer:
    """The optimiser that the configuration names, with a first rate of `initial_lr`."""
    optimizer = OPTIMIZERS[training.optimizer](
        learning_rate=training.initial_lr,
        global_clipnorm=training.clip_norm,
        gradient_accumulation_steps=training.accumulate if training.accumulate > 1 else None,
        **_own_settings(training),
        **_averaging(training),
    )
    optimizer.exclude_from_weight_decay(var_names=[_NOT_DECAYED])
    return optimizer


@contextlib.contextmanager
def averaged(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> Iterator[None]:
    """Gives the variables their averages inside the `with`, and puts back what they were.

    Without `training.ema` they stay as they are. The moving statistics of batch normalisation are
    averages already, and stay, too. `keras.callbacks.SwapEMAWeights` swaps by adding and
    subtracting, which rounds the weights that the training goes on from; this puts back the same
    bits.

    Args:
      optimizer: one that has made a step at least, perhaps with loss scaling.
      variables: those that it was built with, in the same order.
    """
    if not getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        yield
        return
    kept = [np.array(variable) for variable in variables]
    optimizer.finalize_variable_values(list(variables))
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


def _own_settings(training: TrainingConfig) -> dict[str, Any]:
    """What not every optimiser has; the configuration has refused the rest."""
    if training.optimizer == "sgd":
        momentum = _MOMENTUM if training.momentum is None else training.momentum
        return {"momentum": momentum, "weight_decay": training.weight_decay}
    if training.optimizer == "adamw":
        return {"weight_decay": training.weight_decay}
    return {}


def _averaging(training: TrainingConfig) -> dict[str, Any]:
    """`training.ema` is the decay in a step of the optimiser; Keras averages after each batch."""
    if training.ema is None:
        return {}
    return {"use_ema": True, "ema_momentum": training.ema ** (1 / training.accumulate)}

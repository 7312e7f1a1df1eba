"""How the rate and the margin move in a training: pure functions of the step.

A state that is the number of steps alone goes on anywhere: after a restart there is nothing to put
back. The one schedule that looks at the training is `plateau`, which Keras' own callback
`ReduceLROnPlateau` moves once the warm-up is over.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.trainer.config import TrainingConfig

# Of the way down: the share that is left at a progress from 0, the end of the warm-up, to 1, the
# end of the training.
Decay = Callable[[float], float]

# As in arcface_torch's PolynomialLRWarmup (lr_scheduler.py).
_POWER = 2.0


def cosine(progress: float) -> float:
    """(1 + cos(pi p)) / 2 (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5)."""
    return (1.0 + math.cos(math.pi * progress)) / 2.0


def polynomial(progress: float, power: float) -> float:
    """(1 - p)^power (Liu et al. 2015, arXiv:1506.04579, section 3.3, has 0.9)."""
    return (1.0 - progress) ** power


@dataclass(frozen=True)
class Schedule:
    """The rate and the share of the margin in each step.

    Attributes:
      peak: the rate at the end of the warm-up.
      warmup_steps: steps of the warm-up; they may be part of one.
      margin_steps: steps in which the margin rises.
      after_warmup: step -> rate, or None for a rate that is left as it is.
    """

    peak: float
    warmup_steps: float
    margin_steps: float
    after_warmup: Callable[[int], float | None]

    def rate(self, step: int) -> float | None:
        """The rate of a step, counted from 0; None: what it is already.

        In the warm-up it rises by the same in each step (Goyal et al. 2017, arXiv:1706.02677,
        section 2.2). No step has a rate of 0, and the last of the warm-up has the peak.
        """
        if step < self.warmup_steps:
            return self.peak * min(1.0, (step + 1) / self.warmup_steps)
        return self.after_warmup(step)

    def margin_share(self, step: int) -> float:
        """What each margin is multiplied with in a step: from 0 in the first, evenly, to 1."""
        return min(1.0, step / self.margin_steps) if self.margin_steps else 1.0


def build_schedule(training: TrainingConfig, steps_per_epoch: int) -> Schedule:
    """The schedule that the configuration names.

    Args:
      training: where no key is left at "auto".
      steps_per_epoch: batches in an epoch, at least 1, whether or not several make one step of the
        optimiser.
    """
    return Schedule(
        peak=training.initial_lr,
        warmup_steps=training.warmup_epochs * steps_per_epoch,
        margin_steps=training.margin_warmup * steps_per_epoch,
        after_warmup=SCHEDULES[training.schedule](training, steps_per_epoch),
    )


def _plateau(training: TrainingConfig, steps_per_epoch: int) -> Callable[[int], float | None]:
    return lambda step: None


def _constant(training: TrainingConfig, steps_per_epoch: int) -> Callable[[int], float]:
    return lambda step: training.initial_lr


def _cosine(training: TrainingConfig, steps_per_epoch: int) -> Callable[[int], float]:
    return _falling(training, steps_per_epoch, cosine)


def _polynomial(training: TrainingConfig, steps_per_epoch: int) -> Callable[[int], float]:
    power = _POWER if training.power is None else training.power
    return _falling(training, steps_per_epoch, lambda progress: polynomial(progress, power))


def _step(training: TrainingConfig, steps_per_epoch: int) -> Callable[[int], float]:
    """Times `reduce_lr_factor` after each milestone."""
    milestones = [epoch * steps_per_epoch for epoch in training.milestones or ()]
    return lambda step: (
        training.initial_lr * training.reduce_lr_factor ** bisect_right(milestones, step)
    )


def _falling(
    training: TrainingConfig, steps_per_epoch: int, decay: Decay
) -> Callable[[int], float]:
    """From the first rate at the end of the warm-up to `end_lr` at the end of the training."""
    first = training.warmup_epochs * steps_per_epoch
    length = training.epochs * steps_per_epoch - first
    end = training.end_lr or 0.0

    def rate(step: int) -> float:
        progress = min(1.0, (step - first) / length)
        return end + (training.initial_lr - end) * decay(progress)

    return rate


SCHEDULES: Mapping[str, Callable[[TrainingConfig, int], Callable[[int], float | None]]] = {
    "plateau": _plateau,
    "cosine": _cosine,
    "step": _step,
    "polynomial": _polynomial,
    "constant": _constant,
}

"""The doctor at work in a training loop: means, movement and speed between two looks."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from components.trainer.doctor.findings import Doctor, Finding, TrainingHopeless
from components.trainer.doctor.statistics import WeightWatch

_log = logging.getLogger(__name__)

# Steps between two looks: a look waits for the device and copies some weights.
LOOK_STEPS = 10


def of_steps(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures under names of their own: those of an epoch have the steps of other lengths."""
    return {f"step_{name}": value for name, value in figures.items()}


def tell(findings: Sequence[Finding], *, ends: bool = True) -> None:
    """Logs what was found, a line each.

    Args:
      findings: of the doctor.
      ends: whether what is hopeless ends the training.

    Raises:
      TrainingHopeless: with the message of the first that is hopeless, and what lets it go on.
    """
    for finding in findings:
        _log.warning("%s", finding.message)
    for finding in findings:
        if finding.hopeless and ends:
            raise TrainingHopeless(
                f"{finding.message} training.end_when_hopeless: false only warns of it."
            )


class DoctorRounds:
    """Gathers the figures of each step, and has the doctor look at them every few steps.

    Args:
      doctor: judges.
      variables: the model's trainable variables, whose movement is watched.
      batch_size: images in a step, of all devices.
      ends: whether what is hopeless ends the training.
      every: steps between two looks.
      clock: seconds, for the images per second.
    """

    def __init__(
        self,
        doctor: Doctor,
        variables: Sequence[keras.Variable],
        batch_size: int,
        *,
        ends: bool = True,
        every: int = LOOK_STEPS,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self._doctor = doctor
        self._watch = WeightWatch(variables)
        self._batch_size = batch_size
        self._ends = ends
        self._every = every
        self._clock = clock
        self._sums: dict[str, Any] = {}
        self._steps = 0
        self._began = clock()
        self._val_accuracy: dict[str, float] = {}

    def add(self, statistics: Mapping[str, Any]) -> None:
        """Adds the figures of a step, scalars by name, without waiting for the device."""
        for name, value in statistics.items():
            self._sums[name] = self._sums[name] + value if self._steps else value
        self._steps += 1

    def tell(self, findings: Sequence[Finding]) -> None:
        """`tell`, as the training was asked to take it."""
        tell(findings, ends=self._ends)

    def validated(self, figures: Mapping[str, float]) -> None:
        """Keeps the accuracy of a validation, where it has one, for the next look."""
        kept = {name: value for name, value in figures.items() if name == "val_accuracy"}
        self._val_accuracy |= kept

    def look(self, step: int) -> dict[str, float]:
        """Lets the doctor look, where it is time.

        Call it before a checkpoint is saved: then weights that are no numbers are not.

        Args:
          step: steps done.

        Returns:
          The means of the steps' figures since the last look, `weight_change` and
          `images_per_second`, by name; nothing where it is not time.

        Raises:
          TrainingHopeless: going on is hopeless; the message says why.
        """
        if step % self._every or not self._steps:
            return {}
        figures = {name: float(total) / self._steps for name, total in self._sums.items()}
        figures["weight_change"] = self._watch.change() / self._steps
        figures["images_per_second"] = self._images_per_second()
        shown = figures | self._val_accuracy
        self._sums, self._steps, self._val_accuracy = {}, 0, {}
        self.tell(self._doctor.look(step, shown))
        return figures

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as values of JSON; the figures since the last look are left out."""
        return {"doctor": self._doctor.state(), "val_accuracy": dict(self._val_accuracy)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state, with the weights that belong to it."""
        self._doctor.restore(state["doctor"])
        self._val_accuracy = dict(state["val_accuracy"])
        self._watch.change()

    def _images_per_second(self) -> float:
        now = self._clock()
        seconds, self._began = now - self._began, now
        return self._batch_size * self._steps / max(seconds, 1e-9)

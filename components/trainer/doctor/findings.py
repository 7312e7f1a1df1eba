"""Judges the figures of a training: what keeps it from converging, and which key to turn.

Pure Python: figures in, findings out. Nothing is judged by how good a training is, only by whether
it learns at all: an accuracy is held against what guessing gives, with the spread of a binomial.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from groundfloor.errors import UserError

# Standard deviations between guessing and what is more than guessing: a guesser is above that once
# in 740 looks. A training that learns is above it by far more within a few steps.
_DEVIATIONS = 3.0

# Steps after the warm-up before anything is called unlearnt. Batch normalisation and Adam's second
# moments average over 100 to 1,000 steps; in fewer than 100 neither has seen the data.
PATIENCE_STEPS = 100

# ... and images of each person: a person's centre moves to the person only where an image of theirs
# comes, and needs several; with many people that takes more steps than `PATIENCE_STEPS`.
PATIENCE_IMAGES = 20

# The accuracy is judged over the last so many steps: long enough to average the noise of batches,
# short enough that the beginning is forgotten.
_WINDOW_STEPS = 50

# A kernel that moves in a step by this share of its length is another one after 1 / 0.03, some 30,
# steps. Batch normalisation averages over 100: what the network has seen of the data never fits the
# network. Rates of 1/4 to 4 times the usual ones are below a third of it after the first 50 steps.
MOST_CHANGE = 0.03

# A kernel that moves by less than this share of its length in the whole training stays what it was
# drawn as: after the way of 2 % the angle between its old and its new direction is one degree.
LEAST_CHANGE_IN_ALL = 0.02

# Embeddings are collapsed where so much of what they are is common to all of them that the angle
# between those of any two images is less than the usual margin of 0.5 rad: 1 - cos(0.5).
LEAST_SPREAD = 0.12

# ... or where their length before normalisation has fallen to this share of its start: the batch
# normalisation before it divides by sqrt(variance + 1e-3), and so gives ones of full length for all
# inputs that differ by more than rounding.
LEAST_NORM = 0.01

# Before held-out images can be called unknown to a network that knows those of training, it must
# know these: every second of them.
_LEARNT = 0.5

# ... in so many validations, since one may be older than what the network knows,
_VALIDATIONS = 2

# ... from this step on: batch normalisation's moving averages, with which a validation works, then
# hold 0.99 ** 300, 5 %, of what they began as. After 150 steps, with 22 %, some healthy networks
# that knew nine of ten training images still guessed those held out.
_AVERAGED_STEPS = 300


class TrainingHopeless(UserError):
    """Going on with the training is hopeless; the message says why, and which key to turn."""


@dataclass(frozen=True)
class Finding:
    """What keeps a training from converging.

    Attributes:
      name: of the fault, such as "rate_too_high".
      message: one line: what is seen, and the key of the configuration to turn.
      hopeless: going on will not mend it.
    """

    name: str
    message: str
    hopeless: bool


@dataclass(frozen=True)
class Facts:
    """What is known of a training before its first step.

    Attributes:
      centres: how many centres an image is compared with: the number of people, or with Partial FC
        of those that a step draws.
      largest_share: share of the images that are of the person who has most, in (0, 1].
      batch_size: images in a step, of all devices.
      total_steps: steps of the whole training.
      people: number of people.
      train_images: number of training images.
      warmup_steps: steps in which the rate or the margin rises; nothing is judged in them but
        whether numbers are finite.
      val_images: held-out images of the same people; 0: none.
      margin_key: the key of the loss's margin; None: it has none.
    """

    centres: int
    largest_share: float
    batch_size: int
    total_steps: int
    people: int
    train_images: int
    warmup_steps: int = 0
    val_images: int = 0
    margin_key: str | None = "model.arcface_margin"

    @property
    def chance(self) -> float:
        """The accuracy of who always names one person: the one with most images, or any."""
        return max(1.0 / self.centres, self.largest_share)

    @property
    def least_spread(self) -> float:
        """The spread below which embeddings are collapsed.

        Where one person has the share p of the images, that of perfect embeddings is hardly more
        than 1 - p^2; and a batch of one image has none.
        """
        return LEAST_SPREAD * (1.0 - self.largest_share**2) if self.batch_size > 1 else 0.0

    @property
    def patience(self) -> int:
        """The step from which on a training that has learnt nothing is called so."""
        seen = math.ceil(PATIENCE_IMAGES * self.people / self.batch_size)
        return self.warmup_steps + max(PATIENCE_STEPS, seen)


@dataclass(frozen=True)
class _Look:
    """Means over the steps since the look before; `change` is the movement a step."""

    step: int
    steps: int
    accuracy: float
    loss: float
    spread: float
    norm: float
    change: float


class Doctor:
    """Looks at a training from time to time.

    Args:
      facts: see `Facts`.

    Example:

    >>> facts = Facts(
    ...     centres=20,
    ...     largest_share=0.05,
    ...     batch_size=32,
    ...     total_steps=1000,
    ...     people=20,
    ...     train_images=300,
    ... )
    >>> [finding.name for finding in Doctor(facts).look(10, {"loss": math.nan})]
    ['not_finite']
    """

    def __init__(self, facts: Facts):
        self._facts = facts
        self._looks: list[_Look] = []
        self._start: _Look | None = None
        self._last_step = 0
        self._val_accuracy = 0.0
        self._best_val_accuracy = 0.0
        self._validations_since_learnt = 0
        self._first_pass = [0.0, 0.0]
        self._suspected: dict[str, int] = {}
        self._told: set[tuple[str, bool]] = set()

    def look(self, step: int, statistics: Mapping[str, float]) -> list[Finding]:
        """Judges the steps since the last look.

        Args:
          step: steps done, above that of the last look.
          statistics: means over these steps of `batch_statistics` and of `loss`, the head's without
            penalties; `weight_change`, that of `WeightWatch` a step; and `val_accuracy`, where
            there was a validation since the last look.

        Returns:
          The findings that are new, or newly hopeless; mostly none.
        """
        finding = _not_finite(step, statistics) or self._judge(step, statistics)
        self._last_step = step
        if finding is None or (finding.name, finding.hopeless) in self._told:
            return []
        self._told.add((finding.name, finding.hopeless))
        return [finding]

    def state(self) -> dict[str, Any]:
        """All that `restore` needs, as values of JSON."""
        return {
            "looks": [asdict(look) for look in self._looks],
            "start": asdict(self._start) if self._start else None,
            "last_step": self._last_step,
            "val_accuracy": self._val_accuracy,
            "best_val_accuracy": self._best_val_accuracy,
            "validations_since_learnt": self._validations_since_learnt,
            "first_pass": list(self._first_pass),
            "suspected": dict(self._suspected),
            "told": sorted(map(list, self._told)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on as the doctor whose `state` it was."""
        self._looks = [_Look(**look) for look in state["looks"]]
        self._start = _Look(**state["start"]) if state["start"] else None
        self._last_step = state["last_step"]
        self._val_accuracy = state["val_accuracy"]
        self._best_val_accuracy = state["best_val_accuracy"]
        self._validations_since_learnt = state["validations_since_learnt"]
        self._first_pass = list(state["first_pass"])
        self._suspected = dict(state["suspected"])
        self._told = {(name, hopeless) for name, hopeless in state["told"]}

    def _judge(self, step: int, statistics: Mapping[str, float]) -> Finding | None:
        """The first cause that shows itself: what moves too much may do all that the others do."""
        self._remember(step, statistics)
        if step < self._facts.patience:
            return None
        causes = (
            self._too_high_a_rate,
            self._memorising,
            self._too_low_a_rate,
            self._collapse,
            self._guessing,
        )
        return self._over_time(step, next(filter(None, (cause() for cause in causes)), None))

    def _remember(self, step: int, statistics: Mapping[str, float]) -> None:
        """Keeps the looks of the last `_WINDOW_STEPS`, and the first one after the warm-up."""
        look = _look_at(step, step - self._last_step, statistics)
        since = step - _WINDOW_STEPS
        self._looks = [*(kept for kept in self._looks if kept.step > since), look]
        if self._start is None and self._last_step >= self._facts.warmup_steps:
            self._start = look
        self._remember_first_pass(look)
        if self._facts.val_images and "val_accuracy" in statistics:
            self._remember_validation(step, statistics["val_accuracy"])

    def _remember_first_pass(self, look: _Look) -> None:
        """Counts its images and those that were right: of the looks in it, or of the first one."""
        if self._last_step == 0 or look.step * self._facts.batch_size <= self._facts.train_images:
            images = self._facts.batch_size * look.steps
            self._first_pass[0] += images
            self._first_pass[1] += images * look.accuracy

    def _remember_validation(self, step: int, accuracy: float) -> None:
        """Counts those that come after the training images are known."""
        is_due = step >= max(self._facts.patience, _AVERAGED_STEPS)
        is_learnt = is_due and self._mean("accuracy") >= _LEARNT
        self._val_accuracy = accuracy
        self._best_val_accuracy = max(self._best_val_accuracy, accuracy)
        self._validations_since_learnt += is_learnt

    def _mean(self, figure: str) -> float:
        """The mean of a figure over the steps of the looks that are kept."""
        total = sum(getattr(look, figure) * look.steps for look in self._looks)
        return total / sum(look.steps for look in self._looks)

    def _images(self) -> int:
        """How many images the means are of."""
        return self._facts.batch_size * sum(look.steps for look in self._looks)

    def _knows_held_out_images(self) -> bool:
        """Whether a validation has ever been better than guessing: then something was learnt."""
        images = self._facts.val_images
        return images > 0 and self._best_val_accuracy > most_by_guessing(self._facts.chance, images)

    def _knew_new_images(self) -> bool:
        """Whether the first pass was better than guessing: its images had not been seen before.

        Unlike a validation it needs no moving averages, which lag behind in a small training.
        """
        images, right = self._first_pass
        return images > 0 and right / images > most_by_guessing(self._facts.chance, images)

    def _is_guessing(self) -> bool:
        most = most_by_guessing(self._facts.chance, self._images())
        return self._mean("accuracy") <= most and not self._knows_held_out_images()

    def _too_high_a_rate(self) -> Finding | None:
        """Weights that are soon others; it may still learn something, slowly."""
        change = self._mean("change")
        if change < MOST_CHANGE:
            return None
        sign = f"a step moves the weights by {change:.1%} of their length"
        return _rate_too_high(sign, hopeless=self._is_guessing())

    def _memorising(self) -> Finding | None:
        """The images of training are known, those held out of the same people are guessed."""
        accuracy = self._mean("accuracy")
        if accuracy < _LEARNT or self._validations_since_learnt < _VALIDATIONS:
            return None
        knows = self._knows_held_out_images() or self._knew_new_images()
        if knows or self._facts.chance >= _LEARNT:
            return None
        return _labels_shuffled(accuracy, self._val_accuracy)

    def _too_low_a_rate(self) -> Finding | None:
        """Weights that stay, and an accuracy that is still, within the noise, that of the start."""
        facts, start, accuracy = self._facts, self._start, self._mean("accuracy")
        if start is None or accuracy >= _LEARNT or self._knows_more_than(start):
            return None
        in_all = self._mean("change") * facts.total_steps
        return _rate_too_low(in_all, facts.total_steps) if in_all < LEAST_CHANGE_IN_ALL else None

    def _knows_more_than(self, start: _Look) -> bool:
        images = 1.0 / (1.0 / self._images() + 1.0 / (self._facts.batch_size * start.steps))
        return self._mean("accuracy") > most_by_guessing(start.accuracy, images)

    def _collapse(self) -> Finding | None:
        """All images have one embedding, or hardly any."""
        spread, norm = self._mean("spread"), self._mean("norm")
        started = self._start.norm if self._start else 0.0
        if spread >= self._facts.least_spread and norm >= LEAST_NORM * started:
            return None
        return _collapsed(spread, norm, self._facts.margin_key)

    def _guessing(self) -> Finding | None:
        """Nothing has been learnt, for a reason that is not one of the others."""
        if not self._is_guessing():
            return None
        if self._start and self._mean("loss") > self._start.loss:
            sign = f"the loss has risen from {self._start.loss:.3g} to {self._mean('loss'):.3g}"
            return _rate_too_high(sign, hopeless=True)
        return _at_chance(self._mean("accuracy"), self._facts.chance, self._facts.margin_key)

    def _over_time(self, step: int, finding: Finding | None) -> Finding | None:
        """A finding counts from the second look in a row; it is hopeless after `PATIENCE_STEPS`."""
        since = self._suspected.get(finding.name, step) if finding else step
        self._suspected = {finding.name: since} if finding else {}
        if finding is None or since == step:
            return None
        return replace(finding, hopeless=finding.hopeless and step - since >= PATIENCE_STEPS)


def most_by_guessing(chance: float, images: float) -> float:
    """The accuracy that guessing hardly exceeds: the binomial's mean and three deviations.

    Args:
      chance: accuracy of guessing, in [0, 1].
      images: how many images the accuracy is of, above 0.
    """
    return chance + _DEVIATIONS * math.sqrt(chance * (1.0 - chance) / images)


def _look_at(step: int, steps: int, statistics: Mapping[str, float]) -> _Look:
    return _Look(
        step,
        steps,
        accuracy=statistics["accuracy"],
        loss=statistics["loss"],
        spread=statistics["spread"],
        norm=statistics["embedding_norm"],
        change=statistics["weight_change"],
    )


def _not_finite(step: int, statistics: Mapping[str, float]) -> Finding | None:
    """The first figure that is no number, the loss before all others.

    Gradients may overflow in float16: loss scaling leaves out such a step.
    """
    for name, value in sorted(statistics.items(), key=lambda figure: figure[0] != "loss"):
        if name != "gradient_norm" and not math.isfinite(value):
            return Finding(
                "not_finite",
                f"the training diverged: {name} is {value} at step {step}. Lower "
                "training.initial_lr or model.arcface_scale, or turn off training.mixed_precision.",
                hopeless=True,
            )
    return None


def _rate_too_high(sign: str, *, hopeless: bool) -> Finding:
    return Finding(
        "rate_too_high",
        f"the rate is too high: {sign}. Lower training.initial_lr, to a tenth first.",
        hopeless,
    )


def _rate_too_low(in_all: float, total_steps: int) -> Finding:
    return Finding(
        "rate_too_low",
        f"the rate is too low: the accuracy is that of the start, and all {total_steps:,} steps "
        f"together would move the weights by {in_all:.2g} of their length. Raise "
        "training.initial_lr, to ten times first.",
        hopeless=True,
    )


def _collapsed(spread: float, norm: float, margin_key: str | None) -> Finding:
    keys = _either(margin_key, "model.l2_reg", "training.initial_lr")
    return Finding(
        "collapse",
        f"the embeddings collapsed: {1 - spread:.1%} of what they are is common to all images, "
        f"their mean length {norm:.2g}. Lower {keys}, or see whether the labels of data.input_dir "
        "belong to their images.",
        hopeless=True,
    )


def _labels_shuffled(accuracy: float, val_accuracy: float) -> Finding:
    return Finding(
        "labels_shuffled",
        f"the network learns its images by heart: accuracy {accuracy:.2f} on them, "
        f"{val_accuracy:.2f} on held-out images of the same people, no better than guessing. The "
        "labels do not belong to the images: look at data.input_dir.",
        hopeless=True,
    )


def _at_chance(accuracy: float, chance: float, margin_key: str | None) -> Finding:
    return Finding(
        "at_chance",
        f"the accuracy stays at chance: {accuracy:.2g} where guessing gives {chance:.2g}, although "
        "the weights move. See whether the labels of data.input_dir belong to their images; if "
        f"they do, lower {_either(margin_key, 'model.dropout_rate')}.",
        hopeless=True,
    )


def _either(*keys: str | None) -> str:
    """The keys that there are, for a sentence."""
    *first, last = filter(None, keys)
    return f"{', '.join(first)} or {last}" if first else last

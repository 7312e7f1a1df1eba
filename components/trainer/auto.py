"""The recipe of a training that follows its data: what a key that says "auto" stands for.

Each choice is a pure function of the numbers of people and images, and of nothing that a clock or a
machine would change; where `training.max_hours` asks for it, the epochs follow the time of a step
as well. Published trainings are of a hundred thousand images and more; at the other end stands the
demo's, with its 288.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from components.section import is_auto
from components.trainer.config import ModelConfig, TrainingConfig
from groundfloor.errors import UserError

# arcface_torch trains with 128 images on each GPU; the demo with 32 in all.
_BATCH_SIZES = (32, 64, 128)
_STEPS_PER_EPOCH = 50

# Images and epochs of: the demo on ORL; ArcFace's paper (section 3.1) on CASIA, 32k steps of 512,
# and on MS1MV2, 180k steps of 512; arcface_torch on MS1MV3 (configs/ms1mv3_r50.py).
_PUBLISHED = ((288, 120.0), (490_000, 33.4), (5_800_000, 15.9), (5_180_000, 20.0))

# Images a step -> rate: of the demo with Adam; of ArcFace's paper with SGD.
_ADAM = (32, 1e-3)
_SGD = (512, 0.1)

_WARMUP_SHARE = 0.05
_MARGIN_WARMUP_SHARE = 0.3
_PATIENCE_SHARE = 0.25

_MARGIN = 0.5
_LARGEST_SCALE = 64.0
_SURE = 0.9999
_ANGLE = math.pi / 4

Config = TypeVar("Config", ModelConfig, TrainingConfig)
Chosen = tuple[Any, str]
Rule = Callable[[ModelConfig, TrainingConfig, "DataFacts"], Chosen]


class AutoError(UserError):
    """What was chosen does not go with what was asked for; the message names the keys."""


@dataclass(frozen=True)
class DataFacts:
    """What the choices follow.

    Attributes:
      people: classes C, at least 2.
      images: to train on, at least 1.
      step_seconds: of one batch, measured with the batch size in use; None where it is not known.
    """

    people: int
    images: int
    step_seconds: float | None = None


@dataclass(frozen=True)
class Choice:
    """What was chosen for a key, and why.

    Attributes:
      key: with its section, such as "training.epochs".
      value: of the key's own type.
      why: the rest of a sentence that begins with key and value.
    """

    key: str
    value: Any
    why: str

    def __str__(self) -> str:
        """For the log."""
        return f"{self.key} is {self.value}: {self.why}"


def leaves_something(model: ModelConfig, training: TrainingConfig) -> bool:
    """Whether a key of the two sections is left to the data."""
    sections = {"model": model, "training": training}
    places = (key.split(".") for key in _RULES)
    return any(is_auto(getattr(sections[section], name)) for section, name in places)


def resolved(
    model: ModelConfig, training: TrainingConfig, facts: DataFacts
) -> tuple[ModelConfig, TrainingConfig, list[Choice]]:
    """Puts a value in the place of every "auto" in the two sections.

    `training.mixed_precision` stays: it follows the machine, and `resolve_precision` settles it.

    Raises:
      AutoError: a choice does not go with what is set, such as a warm-up of more epochs than were
        chosen; or `max_hours` is set, and the time of a step is not known.
    """
    choices = []
    for key, rule in _RULES.items():
        section, _, name = key.partition(".")
        if not is_auto(getattr(model if section == "model" else training, name)):
            continue
        value, why = rule(model, training, facts)
        choices.append(Choice(key, value, why))
        if section == "model":
            model = model.model_copy(update={name: value})
        else:
            training = training.model_copy(update={name: value})
    if not choices:
        return model, training, choices
    training = training.model_copy(update={"max_hours": None})  # the epochs have it in them
    return _validated(model), _validated(training), choices


def estimate(step_seconds: float, steps: int) -> str:
    """How long a training of so many steps takes if each takes so many seconds.

    Validation and checkpoints come on top of it; early stopping may end it before.
    """
    return f"about {_duration(step_seconds * steps)}: {steps:,} steps of {step_seconds:.2g} s"


def batch_size_of(images: int) -> int:
    """The largest of a few that leaves an epoch so many steps: few images need many updates."""
    fitting = [size for size in _BATCH_SIZES if images >= size * _STEPS_PER_EPOCH]
    return max(fitting, default=_BATCH_SIZES[0])


def epochs_of(images: int) -> int:
    """Epochs by the power law through published trainings (see `_PUBLISHED`), least squares.

    Between 120 epochs for the 288 images of the demo and 16 to 20 for 5 million, it is
    `exp(a - b log(images))`; fewer images than the demo's get no more epochs, and 10 are the least.
    """
    logs = [(math.log(number), math.log(epochs)) for number, epochs in _PUBLISHED]
    mean_x, mean_y = (sum(axis) / len(logs) for axis in zip(*logs, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum(
        (x - mean_x) ** 2 for x, _ in logs
    )
    fewest = min(number for number, _ in _PUBLISHED)
    return max(10, round(math.exp(mean_y + slope * (math.log(max(images, fewest)) - mean_x))))


def rate_of(optimizer: str, images_per_step: int) -> float:
    """The first rate, from one that is known to work and the number of images in a step.

    SGD: 0.1 at 512 (ArcFace, section 3.1), in proportion (Goyal et al. 2017, arXiv:1706.02677).
    Adam and AdamW: 1e-3, Adam's own (Kingma and Ba 2015), at the demo's 32, with the square root
    (Malladi et al. 2022, arXiv:2205.10287).
    """
    if optimizer == "sgd":
        images, rate = _SGD
        return rate * images_per_step / images
    images, rate = _ADAM
    return rate * math.sqrt(images_per_step / images)


def scale_of(people: int, margin: float) -> float:
    """The scale s by which the softmax can tell so many people apart, and still learns.

    The larger of two bounds, and at most the 64 of ArcFace:

    - AdaCos' fixed scale (Zhang et al. 2019, arXiv:1905.00292): the probability of the own centre
      changes fastest at 45 degrees from it, where the others are at 90: `log(C - 1) / cos(pi/4)`.
      Here the own logit has the margin, so that the angle is `pi/4 + m`.
    - CosFace's (Wang et al. 2018, arXiv:1801.09414, equation 6): an embedding on its own centre
      can reach a probability P of 0.9999: `(C - 1) / C * log((C - 1) P / (1 - P))`.

    Args:
      people: C, at least 2.
      margin: m, in radians, in [0, pi/2).
    """
    others = people - 1
    sure = others / people * math.log(others * _SURE / (1 - _SURE))
    cosine = math.cos(_ANGLE + margin)
    fastest = math.log(others) / cosine if cosine > 0 else _LARGEST_SCALE
    return min(_LARGEST_SCALE, max(sure, fastest))


def _batch_size(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    return batch_size_of(facts.images), f"of {_BATCH_SIZES}, for {facts.images:,} images"


def _epochs(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    epochs = epochs_of(facts.images)
    why = f"as published trainings have it for {facts.images:,} images"
    if training.max_hours is None:
        return epochs, why
    if facts.step_seconds is None:
        raise AutoError("training.max_hours needs the time of a step, which is not known here")
    seconds = _steps(facts, training.batch_size) * facts.step_seconds
    affordable = max(1, math.floor(training.max_hours * 3600 / seconds))
    if affordable >= epochs:
        return epochs, why
    return affordable, (
        f"training.max_hours allows for no more, at {facts.step_seconds:.2g} s a step; "
        f"{epochs} would be right for {facts.images:,} images"
    )


def _initial_lr(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    images = training.batch_size * training.accumulate
    rate = float(f"{rate_of(training.optimizer, images):.2g}")
    return rate, f"{training.optimizer} with {images} images a step"


def _warmup_epochs(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    return _share(training, _WARMUP_SHARE)


def _margin_warmup(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    return _share(training, _MARGIN_WARMUP_SHARE)


def _early_stopping(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    """A rate that falls to the end has done its work at the end alone; the demo waits a quarter."""
    if training.schedule in ("plateau", "constant"):
        epochs = math.ceil(training.epochs * _PATIENCE_SHARE)
        return epochs, f"{_PATIENCE_SHARE:.0%} of {training.epochs} epochs"
    return training.epochs, f"the rate falls to the last epoch, by schedule {training.schedule}"


def _augment(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    per_person = facts.images / facts.people
    return True, f"{per_person:.1f} images a person do not show all that a face can look like"


def _margin(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    return _MARGIN, "the best of ArcFace's table 2"


def _scale(model: ModelConfig, training: TrainingConfig, facts: DataFacts) -> Chosen:
    scale = round(scale_of(facts.people, model.arcface_margin), 1)
    return scale, f"{facts.people:,} people, at a margin of {model.arcface_margin}"


# In this order: a rule may read what those before it chose.
_RULES: Mapping[str, Rule] = {
    "training.batch_size": _batch_size,
    "training.epochs": _epochs,
    "training.initial_lr": _initial_lr,
    "training.warmup_epochs": _warmup_epochs,
    "training.margin_warmup": _margin_warmup,
    "training.early_stopping_patience": _early_stopping,
    "training.augment": _augment,
    "model.arcface_margin": _margin,
    "model.arcface_scale": _scale,
}


def _steps(facts: DataFacts, batch_size: int) -> int:
    """In an epoch, whose last batch is left out where it is not full."""
    return max(1, facts.images // batch_size)


def _share(training: TrainingConfig, share: float) -> Chosen:
    """So much of the epochs, to a hundredth of one."""
    return round(training.epochs * share, 2), f"{share:.0%} of {training.epochs} epochs"


def _validated(config: Config) -> Config:
    try:
        # By JSON: for Python, pydantic takes a URL apart, since it is a dataclass.
        return type(config).model_validate_json(config.model_dump_json())
    except ValidationError as error:
        reasons = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise AutoError(f"what auto chose does not go with what is set: {reasons}") from None


def _duration(seconds: float) -> str:
    """In the two largest units that say something."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 90:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} days {hours % 24} h"

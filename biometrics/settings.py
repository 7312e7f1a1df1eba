"""What an evaluation is asked for: how to measure, and what blesses; with all the defaults.

Nothing heavy is imported here: a command line shows a default without waiting for NumPy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from biometrics.csv_table import read_text
from biometrics.errors import EvaluationError

DISTANCES = ("cosine", "euclidean")
# How intervals are found.
BOOTSTRAP, CLOPPER_PEARSON = "bootstrap", "clopper_pearson"
# What a bound is held against.
INTERVAL, VALUE = "interval", "value"


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise EvaluationError(f"{name} must be {' or '.join(choices)}. Received: {value!r}")


def _check_each(
    name: str, values: Sequence[float], rule: str, is_allowed: Callable[[float], bool]
) -> None:
    wrong = [value for value in values if not is_allowed(value)]
    if wrong:
        raise EvaluationError(f"{name} must be {rule}, each of them. Received: {wrong[0]!r}")


@dataclass(frozen=True)
class ProtocolSettings:
    """What all protocols of one evaluation share.

    Attributes:
      distance: `cosine` or `euclidean`, between embeddings.
      target_fars: the FARs, or FPIRs of searches, at which rates are wanted; in (0, 1).
      ranks: the N of Rank-N, 1 or more.
      seed: of the choice of people and images, and of the resampling behind the intervals.
      read: gives the content of a text file by its path, for protocols and groups that have one.
      intervals: `bootstrap` or `clopper_pearson`; see `Rate.interval`.

    Raises:
      EvaluationError: one of them is something else.
    """

    distance: str = "cosine"
    target_fars: Sequence[float] = (0.1, 0.01, 0.001)
    ranks: Sequence[int] = (1, 5)
    seed: int = 42
    read: Callable[[str], str] = read_text
    intervals: str = BOOTSTRAP

    def __post_init__(self) -> None:
        _check_choice("distance", self.distance, DISTANCES)
        _check_choice("intervals", self.intervals, (BOOTSTRAP, CLOPPER_PEARSON))
        _check_each("target_fars", self.target_fars, "in (0, 1)", lambda far: 0 < far < 1)
        _check_each("ranks", self.ranks, "1 or more", lambda rank: rank >= 1)


@dataclass(frozen=True)
class Bound:
    """The range in which a figure must lie, its ends included; None leaves a side open.

    Attributes:
      min: the least value allowed.
      max: the greatest value allowed.

    Raises:
      EvaluationError: both sides are open, or no value is within.
    """

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise EvaluationError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise EvaluationError(
                "min must not be above max: no model could pass. "
                f"Received: min {self.min}, max {self.max}"
            )


@dataclass(frozen=True)
class Rules:
    """What a model has to show.

    Attributes:
      bounds: top-level metric name to its bound.
      bounds_hold: `interval`, for the end of a metric's 95 % interval that can hurt, or `value`,
        for the bare figure.
      min_people: test people with two images or more that there have to be; fewer prove too little.
      beat_baselines: whether the model is held against guessing and the baselines.
      require_threshold: whether it needs a threshold to decide with.
      max_regression: how much worse the EER may be than the latest blessed model's, absolute, 0 or
        more.

    Raises:
      EvaluationError: `bounds_hold` is something else.
    """

    bounds: Mapping[str, Bound] = field(default_factory=dict)
    bounds_hold: str = INTERVAL
    min_people: int = 10
    beat_baselines: bool = True
    require_threshold: bool = True
    max_regression: float = 0.0

    def __post_init__(self) -> None:
        _check_choice("bounds_hold", self.bounds_hold, (INTERVAL, VALUE))


@dataclass(frozen=True)
class SliceSettings:
    """By what the images are grouped.

    Attributes:
      columns: those to group by.
      file: of their table, see `slices.read_attributes`; None: the images' own `attributes`.
    """

    columns: Sequence[str]
    file: str | None = None


@dataclass(frozen=True)
class Settings(ProtocolSettings):
    """How to measure, and what blesses. The baselines always use the cosine distance.

    Attributes:
      rules: what blesses.
      dev_share: the share of the people on whom thresholds are chosen, in (0, 1).
      protocols: name -> options, of those beside all pairs.
      slices: the groups to measure on their own; None: none.
      credit: a line on the source of the images.
      provenance: name -> value, shown on top of the report.
      not_compared: why the latest blessed model cannot be compared with, where there is one.
      remarks: what a reader has to know beside the figures, a sentence each.
    """

    rules: Rules = Rules()
    dev_share: float = 0.5
    protocols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    slices: SliceSettings | None = None
    credit: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    not_compared: str = ""
    remarks: Sequence[str] = ()

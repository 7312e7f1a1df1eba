"""Operating points: thresholds chosen on some people, and measured on others.

A threshold that is tuned on the very people it is then measured on looks better than it is, the
more so the lower the FAR. So the people of the evaluation are parted in two: the *dev* people
choose the thresholds, and the *test* people tell what these thresholds do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from biometrics.arrays import Float32, Float64
from biometrics.engine.pair_scores import PairScores
from biometrics.engine.scores import GenuineAndImpostor
from biometrics.figures.metrics import (
    ROUNDING,
    error_rates,
    impostor_pairs_needed,
    middle_of_gap,
)
from biometrics.intervals.bootstrap import resample_error_rates
from biometrics.intervals.jackknife import FarCurve, crossing_interval, far_curve
from biometrics.intervals.rates import CONFIDENCE
from biometrics.settings import BOOTSTRAP
from biometrics.thresholds.pack import (
    EER,
    PROVISIONAL,
    SUPPORTED,
    Measured,
    MeasuredWithIntervals,
    Needed,
    OperatingPoint,
    far_name,
)

# Dev people of two images or more from which on both rates at the EER's threshold are below twice
# the EER in 95 % of the simulations of benchmarks/thresholds.py.
EER_PEOPLE = 20


@dataclass(frozen=True)
class OperatingPoints:
    """The thresholds that the dev people support, and why the others are missing.

    Attributes:
      points: the EER first, then the target FARs in their order.
      unsupported: `far_name` -> what the dev people would need for it.
    """

    points: tuple[OperatingPoint, ...]
    unsupported: dict[str, Needed]


def choose_operating_points(
    dev: PairScores | None,
    test: PairScores | None,
    target_fars: Sequence[float],
    *,
    seed: int,
    intervals: str = BOOTSTRAP,
) -> OperatingPoints:
    """Chooses a threshold for the EER and for each FAR on `dev`, and measures it on `test`.

    The threshold of a FAR is the largest whose upper limit of the FAR, at a one-sided confidence of
    95 %, is not above the target: `supported`. The limit is that of `far_curve`, over people. It
    takes 3 / FAR pairs of dev people, by the rule of three that holds for pairs of images too
    (`impostor_pairs_needed`). With 1 / FAR or more, or where no limit is low enough, it is the
    largest whose FAR on `dev` itself is not above: `provisional`. With fewer not one pair of people
    would be expected to be mistaken at that FAR, so the people say nothing, and there is none.

    The threshold of the EER is that of `verification_metrics`. It is supported from
    `EER_PEOPLE` dev people of two images or more on, and provisional with fewer.

    Each is in the middle of the gap to the next distance. The intervals of FAR and FRR resample the
    test people with the threshold fixed (see `resample_error_rates`), or they are those of Clopper
    and Pearson. What these promises are worth is measured by `benchmarks/thresholds.py`.

    Args:
      dev: pairs of the people that choose; None where they have no genuine or no impostor pair.
      test: the same of other people.
      target_fars: in (0, 1), each once.
      seed: of the resampling.
      intervals: `bootstrap` or `clopper_pearson`, of FAR and FRR.

    Returns:
      The operating points; none, and all FARs unsupported, where `dev` or `test` is None.
    """
    needed = {far: needed_for(far) for far in target_fars}
    given = [far for far in target_fars if dev and test and _has(dev, needed[far])]
    unsupported = {far_name(far): needed[far] for far in target_fars if far not in given}
    if dev is None or test is None:
        return OperatingPoints((), unsupported)
    curve = curve_of(dev)
    choices = [_choose_eer(dev, curve)]
    if given:
        fars = far_curve(dev)
        choices += [choose_far(curve, fars, far) for far in given]
    thresholds = [choice.threshold for choice in choices]
    rate_intervals = _rate_intervals(test, thresholds, seed, intervals)
    points = tuple(
        OperatingPoint(
            name=EER if choice.target_far is None else far_name(choice.target_far),
            target_far=choice.target_far,
            threshold=float(choice.threshold),
            interval=choice.interval,
            state=SUPPORTED if choice.is_supported else PROVISIONAL,
            people_needed=choice.people_needed,
            dev=Measured(**_measured(dev, choice.threshold)),
            test=MeasuredWithIntervals(**_measured(test, choice.threshold), intervals=of_rates),
        )
        for choice, of_rates in zip(choices, rate_intervals, strict=True)
    )
    return OperatingPoints(points, unsupported)


def needed_for(far: float) -> Needed:
    """What the dev people have to have for a threshold of this FAR, a provisional one."""
    return Needed(impostor_pairs_needed(far), people_for_pairs(1 / far))


def supported_from(far: float) -> int:
    """The dev people from which on a threshold of this FAR may be supported: 3 / FAR pairs."""
    return people_for_pairs(impostor_pairs_needed(far))


def people_for_pairs(pairs: float) -> int:
    """The fewest people of whom there are so many pairs: n (n - 1) / 2."""
    return math.ceil((1 + math.sqrt(1 + 8 * pairs)) / 2 - 1e-9)


def _has(dev: PairScores, needed: Needed) -> bool:
    return len(dev.sizes) >= needed.people and dev.impostor.total >= needed.impostor_pairs


@dataclass(frozen=True)
class RateCurve:
    """The two rates with the threshold at each distance that occurs.

    distances: float32 [V], ascending, each once; far, frr: float64 [V].
    """

    distances: Float32
    far: Float64
    frr: Float64


@dataclass(frozen=True)
class Choice:
    """A threshold, what the dev people know of it, and what they would need to be sure."""

    target_far: float | None
    threshold: np.float32
    interval: tuple[float, float] | None
    is_supported: bool
    people_needed: int


def _choose_eer(dev: PairScores, curve: RateCurve) -> Choice:
    interval = crossing_interval(dev, curve.distances, CONFIDENCE)
    is_supported = int((dev.sizes > 1).sum()) >= EER_PEOPLE
    return Choice(None, _eer_threshold(curve), interval, is_supported, EER_PEOPLE)


def choose_far(curve: RateCurve, fars: FarCurve, target: float) -> Choice:
    """The threshold of a FAR, from `curve_of` and `far_curve` of the same people."""
    people_needed = supported_from(target)
    sure = fars.largest_below(target, CONFIDENCE) if fars.people >= people_needed else None
    return Choice(
        target_far=target,
        threshold=far_threshold(curve, target if sure is None else sure),
        interval=fars.interval_of(target, CONFIDENCE),
        is_supported=sure is not None,
        people_needed=people_needed,
    )


def _measured(pairs: PairScores, threshold: np.float32) -> dict[str, Any]:
    false_accepts = int(pairs.impostor.at_most(threshold))
    false_rejects = pairs.genuine.total - int(pairs.genuine.at_most(threshold))
    return {
        "FAR": false_accepts / pairs.impostor.total,
        "FRR": false_rejects / pairs.genuine.total,
        "genuine_pairs": pairs.genuine.total,
        "impostor_pairs": pairs.impostor.total,
        "false_accepts": false_accepts,
        "false_rejects": false_rejects,
        "identities": len(pairs.sizes),
        "images": pairs.images,
    }


def _rate_intervals(
    pairs: PairScores, thresholds: Sequence[np.float32], seed: int, method: str
) -> list[dict[str, tuple[float, float]]]:
    """The intervals of FAR and FRR at each threshold."""
    resampled = resample_error_rates(pairs, [float(value) for value in thresholds], seed=seed)
    return [{key: rate.interval(method) for key, rate in rates.items()} for rates in resampled]


def curve_of(pairs: GenuineAndImpostor) -> RateCurve:
    """The two rates at every distance of a pair."""
    distances = np.union1d(pairs.genuine.values, pairs.impostor.values)
    far, frr = error_rates(pairs, distances)
    return RateCurve(distances, far, frr)


def _eer_threshold(curve: RateCurve) -> np.float32:
    """As in `verification_metrics`: at the vertex nearer to the crossing, the later of a tie."""
    gap = curve.far - curve.frr
    vertex = int(np.argmax(gap >= 0))
    if vertex > 0 and gap[vertex - 1] + gap[vertex] > ROUNDING:
        vertex -= 1
    return _after(curve, vertex)


def far_threshold(curve: RateCurve, far: float) -> np.float32:
    """At the last vertex whose FAR is not above; below all distances where there is none."""
    allowed = int(np.searchsorted(curve.far, far * (1 + ROUNDING), side="right"))
    if allowed == 0:
        return np.nextafter(curve.distances[0], np.float32(-np.inf))
    return _after(curve, allowed - 1)


def _after(curve: RateCurve, vertex: int) -> np.float32:
    """The threshold in the gap between a vertex and the next, if there is a next."""
    following = min(vertex + 1, len(curve.distances) - 1)
    return middle_of_gap(curve.distances[vertex], curve.distances[following])

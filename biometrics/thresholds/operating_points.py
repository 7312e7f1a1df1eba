"""Operating points: thresholds chosen on some people, and measured on others.

A threshold that is tuned on the very people it is then measured on looks better than it is, the
more so the lower the FAR. So the people of the evaluation are parted in two: the *dev* people
choose the thresholds, and the *test* people tell what these thresholds do.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Bool, Float32, Float64
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import ROUNDING, impostor_pairs_needed, middle_of_gap
from biometrics.intervals.bootstrap import (
    BOOTSTRAP,
    CLOPPER_PEARSON,
    CONFIDENCE,
    clopper_pearson,
    resample_error_rates,
)
from biometrics.intervals.jackknife import FarCurve, crossing_interval, far_curve
from biometrics.thresholds.calibration import LOGISTIC, Calibration, cllr, fit_calibration
from biometrics.thresholds.measured_images import MeasuredImages
from biometrics.thresholds.measured_sizes import MeasuredSizes
from biometrics.thresholds.pack import (
    EER,
    FORMAT,
    PROVISIONAL,
    SUPPORTED,
    Measured,
    MeasuredWithIntervals,
    Needed,
    OperatingPoint,
    Protocol,
    ThresholdPack,
    far_name,
    plain,
)
from groundfloor.draws import Draw, shuffled

# The share of the people that choose the thresholds.
DEV_SHARE = 0.5
# Dev people of two images or more from which on both rates at the EER's threshold are below twice
# the EER in 95 % of the simulations of benchmarks/thresholds.py.
EER_PEOPLE = 20

TOO_FEW_PEOPLE = (
    "thresholds are chosen on one part of the people and measured on the other, and each part "
    "needs two people, one of them with two images or more; there are {people} people, {mated} of "
    "them with two images or more"
)


@dataclass(frozen=True)
class OperatingPoints:
    """The thresholds that the dev people support, and why the others are missing.

    Attributes:
      points: the EER first, then the target FARs in their order.
      unsupported: `far_name` -> what the dev people would need for it.
    """

    points: tuple[OperatingPoint, ...]
    unsupported: dict[str, Needed]


@dataclass(frozen=True)
class ThresholdStudy:
    """All that is learnt from parting the people into dev and test.

    Attributes:
      dev: pairs of the dev people; None where they have no genuine or no impostor pair.
      test: the same of the test people.
      chosen: the operating points; none where `dev` or `test` is None.
      calibration: fitted on the dev people; None where `dev` or `test` is.
      cllr: the cost of the calibration on the test people, in bits.
      missing: why there are no operating points; empty where there are.
      protocol: how the people were parted.
    """

    dev: PairScores | None
    test: PairScores | None
    chosen: OperatingPoints
    calibration: Calibration | None
    cllr: float | None
    missing: str
    protocol: Protocol

    def blocks(self) -> dict[str, Any]:
        """What metrics.json says of it: plain dicts, lists and numbers.

        Returns:
          `thresholds`, `unsupported_thresholds`; `calibration` (`method` and `Cllr`, in bits) where
          there is one; `thresholds_missing`, a sentence, where there are none.
        """
        blocks: dict[str, Any] = {
            "thresholds": [plain(point) for point in self.chosen.points],
            "unsupported_thresholds": {
                name: plain(needed) for name, needed in self.chosen.unsupported.items()
            },
        }
        if self.calibration:
            blocks["calibration"] = {"method": self.calibration.method, "Cllr": self.cllr}
        if self.missing:
            blocks["thresholds_missing"] = self.missing
        return blocks

    def pack(
        self,
        *,
        distance: str,
        model_sha256: str,
        data_sha256: str,
        measured_images: MeasuredImages | None = None,
        measured_sizes: MeasuredSizes | None = None,
    ) -> ThresholdPack:
        """What is pushed with the model."""
        return ThresholdPack(
            format=FORMAT,
            distance=distance,
            model_sha256=model_sha256,
            data_sha256=data_sha256,
            protocol=self.protocol,
            operating_points=self.chosen.points,
            unsupported_thresholds=dict(self.chosen.unsupported),
            missing=self.missing,
            calibration=self.calibration,
            Cllr=self.cllr,
            measured_images=measured_images,
            measured_sizes=measured_sizes,
        )


def study_thresholds(
    embeddings: ArrayLike,
    identities: Sequence[str],
    *,
    distance: str,
    target_fars: Sequence[float],
    seed: int,
    dev_share: float = DEV_SHARE,
    calibration: str = LOGISTIC,
    protocol: str = "all_pairs",
    intervals: str = BOOTSTRAP,
) -> ThresholdStudy:
    """Parts the people, chooses thresholds on the dev people and measures them on the others.

    Args:
      embeddings: float [N, D].
      identities: the person in each image, [N].
      distance: `cosine` or `euclidean`.
      target_fars: in (0, 1), each once.
      seed: of the parting, and of the resampling behind the intervals.
      dev_share: the share of the people that choose, in (0, 1).
      calibration: `logistic` or `isotonic`.
      protocol: the name of what is compared, for the record.
      intervals: `bootstrap` or `clopper_pearson`, of FAR and FRR.

    Returns:
      The study. Too few people are no error: it then has no operating points, and says why.

    Raises:
      EvaluationError: an embedding cannot be compared (see `score_pairs`), `dev_share` is not in
        (0, 1), or there is no such calibration.
    """
    vectors, names = np.asarray(embeddings), np.asarray(identities)
    is_dev = dev_people(identities, seed, dev_share)
    dev, test = (
        score_pairs(vectors[part], names[part], distance) if _has_pairs(names[part]) else None
        for part in (is_dev, ~is_dev)
    )
    missing, fitted, cost = "", None, None
    if dev and test:
        fitted = fit_calibration(dev, calibration)
        cost = cllr(fitted, test)
    else:
        sizes = Counter(identities).values()
        mated = sum(size > 1 for size in sizes)
        missing = TOO_FEW_PEOPLE.format(people=len(sizes), mated=mated)
    return ThresholdStudy(
        dev=dev,
        test=test,
        chosen=choose_operating_points(dev, test, target_fars, seed=seed, intervals=intervals),
        calibration=fitted,
        cllr=cost,
        missing=missing,
        protocol=Protocol(protocol, dev_share, seed),
    )


def dev_people(identities: Sequence[str], seed: int, share: float = DEV_SHARE) -> Bool:
    """Which images show a dev person, bool [N]; all images of a person are on one side.

    People are sorted by a hash of their name and the seed, and the first ones taken. So neither the
    order of the images nor the other people matter, but for the one at the cut: a person more or
    less moves one other person at most, among those with as many images (one, or more than one).

    The two kinds are parted apart, each to the nearest whole person, since a part without a person
    of two images has no genuine pair. From two such people on, each part has one.

    Args:
      identities: the person in each image, [N].
      seed: another seed gives another choice.
      share: of the people, in (0, 1).

    Raises:
      EvaluationError: the share is not in (0, 1).
    """
    if not 0 < share < 1:
        raise EvaluationError(f"The share of the dev people is in (0, 1). Received: {share}")
    sizes = Counter(identities)
    order = shuffled(Draw.DEV_PEOPLE, seed, sizes)
    mated = [identity for identity in order if sizes[identity] > 1]
    single = [identity for identity in order if sizes[identity] == 1]
    # A half is rounded up for one kind and down for the other: together they meet the share.
    mated_count = math.floor(share * len(mated) + 0.5)
    if len(mated) > 1:
        mated_count = min(max(mated_count, 1), len(mated) - 1)
    single_count = math.ceil(share * len(single) - 0.5)
    dev = {*mated[:mated_count], *single[:single_count]}
    return np.array([identity in dev for identity in identities], dtype=bool)


def _has_pairs(names: np.ndarray) -> bool:
    """Whether these images have a genuine and an impostor pair."""
    sizes = np.unique(names, return_counts=True)[1]
    return len(sizes) > 1 and bool(sizes.max() > 1)


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

    Each is in the middle of the gap to the next score. The intervals of FAR and FRR resample the
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
class Curve:
    """The two rates with the threshold at each score that occurs.

    scores: float32 [V], ascending, each once; far, frr: float64 [V].
    """

    scores: Float32
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


def _choose_eer(dev: PairScores, curve: Curve) -> Choice:
    interval = crossing_interval(dev, curve.scores, CONFIDENCE)
    is_supported = int((dev.sizes > 1).sum()) >= EER_PEOPLE
    return Choice(None, _eer_threshold(curve), interval, is_supported, EER_PEOPLE)


def choose_far(curve: Curve, fars: FarCurve, target: float) -> Choice:
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
    if method == CLOPPER_PEARSON:
        measured = [_measured(pairs, threshold) for threshold in thresholds]
        return [
            {
                "FAR": clopper_pearson(counts["false_accepts"], counts["impostor_pairs"]),
                "FRR": clopper_pearson(counts["false_rejects"], counts["genuine_pairs"]),
            }
            for counts in measured
        ]
    resampled = resample_error_rates(pairs, [float(value) for value in thresholds], seed=seed)
    return [{key: rate.interval() for key, rate in rates.items()} for rates in resampled]


def _curve(scores: Float32, genuine: Float64, impostor: Float64) -> Curve:
    """The curve of pairs sorted by score, given what each weighs as genuine and as impostor."""
    is_there = genuine + impostor > 0
    scores = scores[is_there]
    last_of_ties = np.append(scores[1:] != scores[:-1], True)
    accepted = np.cumsum(genuine[is_there])
    mistaken = np.cumsum(impostor[is_there])
    return Curve(
        scores=scores[last_of_ties],
        far=mistaken[last_of_ties] / mistaken[-1],
        frr=(accepted[-1] - accepted[last_of_ties]) / accepted[-1],
    )


def curve_of(pairs: PairScores) -> Curve:
    """The two rates at every score of a pair."""
    scores = np.concatenate([pairs.genuine.values, pairs.impostor.values])
    order = np.argsort(scores, kind="stable")
    is_impostor = order >= len(pairs.genuine.values)
    counts = np.concatenate([pairs.genuine.counts, pairs.impostor.counts])[order]
    return _curve(scores[order], np.where(is_impostor, 0, counts), np.where(is_impostor, counts, 0))


def _eer_threshold(curve: Curve) -> np.float32:
    """As in `verification_metrics`: at the vertex nearer to the crossing, the later of a tie."""
    gap = curve.far - curve.frr
    vertex = int(np.argmax(gap >= 0))
    if vertex > 0 and gap[vertex - 1] + gap[vertex] > ROUNDING:
        vertex -= 1
    return _after(curve, vertex)


def far_threshold(curve: Curve, far: float) -> np.float32:
    """At the last vertex whose FAR is not above; below all scores where there is none."""
    allowed = int(np.searchsorted(curve.far, far * (1 + ROUNDING), side="right"))
    if allowed == 0:
        return np.nextafter(curve.scores[0], np.float32(-np.inf))
    return _after(curve, allowed - 1)


def _after(curve: Curve, vertex: int) -> np.float32:
    """The threshold in the gap between a vertex and the next, if there is a next."""
    following = min(vertex + 1, len(curve.scores) - 1)
    return middle_of_gap(curve.scores[vertex], curve.scores[following])

"""Confidence intervals of the figures, by resampling the people."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import beta, t

from biometrics.arrays import Bool, Float32, Float64, Int64
from biometrics.engine.pairs import PairScores
from biometrics.engine.sample import PairSample
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import (
    ROUNDING,
    error_rates,
    true_accept_rate,
    verification_metrics,
)
from biometrics.figures.names import ONE_ENROLLED, tar_key
from biometrics.settings import BOOTSTRAP, CLOPPER_PEARSON
from groundfloor.draws import Draw, generator

CONFIDENCE = 0.95
# Resamples of the identities behind the intervals.
RESAMPLES = 400
# Cells (resamples times pairs) that are held at a time: arrays that stay in the cache.
RESAMPLE_CELLS = 2**15


def bootstrap_intervals(
    pairs: PairScores,
    threshold: float,
    *,
    fars: Sequence[float],
    ranks: Sequence[int],
    seed: int,
    method: str = BOOTSTRAP,
) -> dict[str, list[float]]:
    """95 % intervals of all the figures, by resampling identities (the subset bootstrap).

    Pairs of one person are not independent, so people are resampled and not pairs. FAR and FRR are
    those at the fixed `threshold`; EER, AUC and TAR find their own thresholds in each resample.
    See `resample_verification` and `resample_identification` for what a resample is, and
    `rate_interval` for how an interval comes from them, without an observed error too.

    "clopper_pearson" gives the exact binomial intervals (ISO/IEC 19795-1, annex B) of the figures
    that are counts: FAR, FRR, TAR and Rank-N. It takes all pairs, or searches, as independent of
    each other, which those of one person are not, so it is too narrow; it is there to compare with
    what others report. EER, AUC and the one-enrolled Rank-1 are no counts: theirs stay those of
    the bootstrap.

    Args:
      pairs: the scores of all pairs.
      threshold: of FAR and FRR, in the units of the distance.
      fars: FARs at which TAR is asked for.
      ranks: the N of Rank-N.
      seed: of the resampling.
      method: "bootstrap" or "clopper_pearson".

    Returns:
      key -> [low, high] within [0, 1], for all the keys of metrics.json but `EER_threshold`.

    Raises:
      EvaluationError: the method is another.
    """
    if method not in (BOOTSTRAP, CLOPPER_PEARSON):
        raise EvaluationError(
            f"The method must be {BOOTSTRAP!r} or {CLOPPER_PEARSON!r}. Received: {method!r}"
        )
    resampled = resample_verification(pairs, threshold, fars=fars, seed=seed)
    resampled |= resample_identification(pairs, ranks=ranks, seed=seed)
    intervals = {key: figure.interval() for key, figure in resampled.items()}
    if method == CLOPPER_PEARSON:
        trials = _binomial_trials(pairs, fars, ranks)
        figures = {key: resampled[key].value for key in trials}
        intervals |= {
            key: clopper_pearson(round(figures[key] * trials[key]), trials[key]) for key in trials
        }
    return {key: list(interval) for key, interval in intervals.items()}


def clopper_pearson(
    successes: int, trials: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The exact binomial interval of a rate (Clopper and Pearson, 1934; ISO/IEC 19795-1 B).

    It covers the true rate with at least `confidence` if the trials are independent. Without a
    success the upper limit is 1 - (alpha / 2)^(1 / n), near 3.7 / n at 95 %: the two-sided
    rule of three. Without a trial it is (0, 1).

    Args:
      successes: 0 .. trials.
      trials: 0 or more.
      confidence: in (0, 1).

    Returns:
      (low, high), floats in [0, 1].

    Raises:
      EvaluationError: there are more successes than trials, or one of them is negative.
    """
    if not 0 <= successes <= trials:
        raise EvaluationError(
            f"Successes must be from 0 to the number of trials. Received: {successes} of {trials}"
        )
    tail = (1 - confidence) / 2
    failures = trials - successes
    low = beta.ppf(tail, successes, failures + 1) if successes else 0.0
    high = beta.ppf(1 - tail, successes + 1, failures) if failures else 1.0
    return float(low), float(high)


@dataclass(frozen=True)
class Resampled:
    """A figure in [0, 1], and how it moves when the people are drawn anew.

    Attributes:
      value: the figure itself, from all pairs.
      resamples: float64 [RESAMPLES], the figure of each resample; NaN where it has none.
      people: how many there are whose draws the figure depends on.
      independent: how many outcomes it rests on in which nobody occurs twice.
    """

    value: float
    resamples: Float64
    people: int
    independent: int

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The confidence interval: (low, high) within [0, 1], with the figure in it.

        It is that of `rate_interval`. In simulated tests of 10 to 100 people of unequal difficulty,
        with 2 or 3 images each and true EERs of 3, 6 and 14 %, this interval held the true FAR,
        FRR, EER, AUC and TAR in 89 to 99 % of the tests, near 95 % on average; the percentiles of
        the resamples held them in 41 to 97 %, the less often the rarer errors were.
        """
        return rate_interval(
            self.value, self.standard_error, self.people, self.independent, confidence
        )

    @property
    def standard_error(self) -> float:
        """That of the figure; 0 where it does not show, as no resample moves the figure.

        The resamples' standard deviation times sqrt(K / (K - 1)), as the draws spread K people by
        1 / K where an unbiased variance takes 1 / (K - 1) (Hesterberg, 2015).
        """
        return standard_error(self.resamples, self.people)


def rate_interval(
    value: float, error: float, people: int, independent: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The confidence interval of a rate over trials of some people: (low, high) within [0, 1].

    It is a t interval on the log-odds scale: logit(value) -+ t s / (value (1 - value)), with one
    degree of freedom less than there are people. Rates near 0 or 1 are too skewed for the
    percentiles of resamples, which with few people are also too narrow (Hesterberg, "What teachers
    should know about the bootstrap", 2015); the log-odds are the usual scale of biometric error
    rates (Schuckers, "Computational methods in biometric authentication", 2010).

    Where no resample moves the figure, as for a rate without an observed error, the spread is not 0
    but unknown. Then at most a share u of the population can behave unlike what was seen, where u
    is the Clopper-Pearson limit for no event in the `independent` outcomes (the rule of three,
    ISO/IEC 19795-1 B.1), and even if all or none of their comparisons were errors the figure is
    between value (1 - u) and value (1 - u) + u. That is wide on purpose: a single person whom
    everybody is mistaken for may just have been missed. The independent outcomes are people for
    FRR, TAR and Rank-N; disjoint pairs of people, half as many, for FAR; and the fewer of both for
    EER, which is at most the larger of FAR and FRR at any threshold. AUC compares a person's pair
    with one of two other people, so it has a third.

    Args:
      value: the rate, in [0, 1].
      error: s, its standard error; 0 where it does not show.
      people: how many there are whose draws the rate depends on.
      independent: how many outcomes it rests on in which nobody occurs twice.
      confidence: in (0, 1).
    """
    low, high = rate_intervals(
        np.array([value]), np.array([error]), people, independent, confidence
    )
    return float(low[0]), float(high[0])


def rate_intervals(
    values: Float64,
    errors: Float64,
    people: int,
    independent: int,
    confidence: float = CONFIDENCE,
) -> tuple[Float64, Float64]:
    """`rate_interval` of many rates of the same people: low and high limits, float64 [V] each."""
    unseen = unseen_share(independent, confidence)
    low = values * (1 - unseen)
    high = low + unseen
    moves = (errors > 0) & (values > 0) & (values < 1)
    value = values[moves]
    width = t.ppf((1 + confidence) / 2, people - 1) * errors[moves] / (value * (1 - value))
    low[moves] = expit(logit(value) - width)
    high[moves] = expit(logit(value) + width)
    return low, high


def unseen_share(independent: int, confidence: float = CONFIDENCE) -> float:
    """The largest share of the population that may behave unlike all these outcomes.

    It is the upper Clopper-Pearson limit for no event in so many; see `rate_interval`.
    """
    return clopper_pearson(0, independent, confidence)[1]


def standard_error(resamples: Float64, people: int) -> float:
    """`Resampled.standard_error` of any resampled number; resamples that are NaN are left out."""
    known = resamples[~np.isnan(resamples)]
    if people < 2 or len(known) < 2:
        return 0.0
    spread = float(np.std(known, ddof=1))
    return spread * math.sqrt(people / (people - 1)) if spread > ROUNDING else 0.0


def resample_verification(
    pairs: PairScores, threshold: float, *, fars: Sequence[float], seed: int
) -> dict[str, Resampled]:
    """FAR and FRR at `threshold`, EER, AUC and TAR, with 400 resamples of the people.

    As many people are drawn as there are, with replacement (Bolle, Ratha, Pankanti, "Error analysis
    of pattern recognition systems: the subsets bootstrap", 2004; Poh and Bengio, 2007). A person
    drawn w times gives genuine pairs the weight w, and impostor pairs of people drawn w and v times
    the weight w v; a person is never an impostor to a copy. Resamples without a genuine or an
    impostor pair have no figures.

    The resamples reweight the two samples of pairs, which are all pairs where there are few. Where
    they are not, their random part can only spread the resamples wider, and they may lie a little
    off the figure; only their spread is used.

    Time is O(S) in each resample for S sampled pairs; memory does not grow with their number. The
    draws follow from the seed and the number of people alone, so that two models on the same
    images are resampled alike.
    """
    points = _curve_points(pairs)
    chunks = [_rates(points, draws, threshold, fars) for draws in _drawn_for(pairs, points, seed)]
    values = _verification_figures(pairs, threshold, fars)
    resamples = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in values}
    return {key: _resampled(key, value, resamples[key], pairs) for key, value in values.items()}


def resample_error_rates(
    pairs: PairScores, thresholds: Sequence[float], *, seed: int
) -> list[dict[str, Resampled]]:
    """FAR and FRR at each threshold as by `resample_verification`, all by one resampling.

    Returns:
      `FAR` and `FRR` for each threshold, in their order.
    """
    points = _curve_points(pairs)
    at = points.vertex(thresholds)
    chunks = [_error_rates(points, draws, at) for draws in _drawn_for(pairs, points, seed)]
    resamples = np.concatenate(chunks)
    values = np.stack(error_rates(pairs, thresholds))
    return [
        {
            key: _resampled(key, float(values[rate, place]), resamples[:, rate, place], pairs)
            for rate, key in enumerate(("FAR", "FRR"))
        }
        for place in range(len(thresholds))
    ]


def _resampled(key: str, value: float, resamples: Float64, pairs: PairScores) -> Resampled:
    units = _independent_outcomes(pairs)
    mated = units["FRR"]
    return Resampled(
        value=value,
        resamples=resamples,
        people=len(pairs.sizes) if key == "FAR" else mated,
        independent=units.get(key, mated),
    )


def resample_identification(
    pairs: PairScores, *, ranks: Sequence[int], seed: int
) -> dict[str, Resampled]:
    """Rank-N and the one-enrolled Rank-1, with the resamples of `resample_verification`.

    The people of the probes are drawn; the gallery stays. Resamples without a probe have no figure.
    """
    people = len(pairs.sizes)
    searched, single = pairs.has_mate, pairs.one_enrolled
    by_person = {
        f"Rank-{rank}": _by_person(pairs.identity[searched], pairs.rank[searched] <= rank, people)
        for rank in ranks
    }
    by_person[ONE_ENROLLED] = _by_person(single.identity, single.probability, people, single.weight)
    resampled = {key: [] for key in by_person}
    for draws in _drawn_people(people, seed, RESAMPLE_CELLS // people):
        for key, sums in by_person.items():
            hits, probes = (draws @ sums).T
            resampled[key].append(_share(hits, probes))
    mated = _mated_people(pairs)
    return {
        key: _resampled_share(by_person[key], np.concatenate(values), mated)
        for key, values in resampled.items()
    }


def _by_person(
    identity: Int64, found: ArrayLike, people: int, weight: Float64 | None = None
) -> Float64:
    """The hits of each person's probes and the number of these, float64 [K, 2]."""
    weight = np.ones(len(identity)) if weight is None else weight
    return np.stack(
        [np.bincount(identity, weight * found, people), np.bincount(identity, weight, people)],
        axis=1,
    )


def _share(hits: Float64, probes: Float64) -> Float64:
    return np.divide(hits, probes, out=np.full(len(hits), np.nan), where=probes > 0)


def _resampled_share(sums: Float64, values: Float64, mated: int) -> Resampled:
    hits, probes = sums.sum(axis=0)
    return Resampled(float(hits / probes), values, people=mated, independent=mated)


def draw_people(people: int, seed: int) -> Iterator[Int64]:
    """How often each person is drawn, int64 [K], in each resample of `resample_verification`."""
    for draws in _drawn_people(people, seed, RESAMPLE_CELLS // people):
        yield from draws.astype(np.int64)


def _drawn_people(people: int, seed: int, rows: int) -> Iterator[Float64]:
    """How often each person is drawn in each resample: float64 [rows, K] at a time, 1 at least."""
    rng = generator(Draw.RESAMPLED_PEOPLE, seed)
    chance = np.full(people, 1 / people)
    rows = max(1, rows)
    for start in range(0, RESAMPLES, rows):
        draws = rng.multinomial(people, chance, min(rows, RESAMPLES - start))
        yield draws.astype(np.float64)


def _drawn_for(pairs: PairScores, points: "_CurvePoints", seed: int) -> Iterator[Float64]:
    """`_drawn_people` for the resampling of pairs."""
    people = len(pairs.sizes)
    return _drawn_people(people, seed, RESAMPLE_CELLS // max(points.pairs, people))


def _mated_people(pairs: PairScores) -> int:
    """The people with two images or more."""
    return int((pairs.sizes > 1).sum())


def _independent_outcomes(pairs: PairScores) -> dict[str, int]:
    """The outcomes in which nobody occurs twice; see `rate_interval`."""
    people, mated = len(pairs.sizes), _mated_people(pairs)
    return {
        "FAR": people // 2,
        "FRR": mated,
        "EER": min(people // 2, mated),
        "AUC": min(people // 3, mated),
    }


def _verification_figures(
    pairs: PairScores, threshold: float, fars: Sequence[float]
) -> dict[str, float]:
    """The figures themselves, from all pairs."""
    far, frr = error_rates(pairs, threshold)
    at_own_threshold = verification_metrics(pairs)
    figures = {"FAR": float(far), "FRR": float(frr)}
    figures |= {key: at_own_threshold[key] for key in ("EER", "AUC")}
    return figures | {tar_key(target): true_accept_rate(pairs, target) for target in fars}


def _binomial_trials(
    pairs: PairScores, fars: Sequence[float], ranks: Sequence[int]
) -> dict[str, int]:
    """The number of trials behind each figure that is a count of them."""
    genuine, searches = pairs.genuine.total, int(pairs.has_mate.sum())
    trials = {"FAR": pairs.impostor.total, "FRR": genuine}
    trials |= {tar_key(target): genuine for target in fars}
    return trials | {f"Rank-{rank}": searches for rank in ranks}


@dataclass(frozen=True)
class _SortedPairs:
    """Sampled pairs of one kind, the nearest first.

    person, other: int64 [S], the two people of each pair, the same in a genuine one; copies:
    float64 [S], the pairs that each one stands for.
    """

    person: Int64
    other: Int64
    copies: Float64

    @classmethod
    def of(cls, sample: PairSample, order: Int64, identity: Int64) -> "_SortedPairs":
        first, second = sample.first[order], sample.second[order]
        return cls(identity[first], identity[second], sample.copies[order])

    def accepted(self, draws: Float64, *, as_product: bool) -> Float64:
        """The weight of the nearest 0 .. S pairs in each resample, float64 [B, S + 1]."""
        weights = np.zeros((len(draws), len(self.copies) + 1))
        np.multiply(np.take(draws, self.person, axis=1), self.copies, out=weights[:, 1:])
        if as_product:
            weights[:, 1:] *= np.take(draws, self.other, axis=1)
        return np.cumsum(weights, axis=1, out=weights)


@dataclass(frozen=True)
class _CurvePoints:
    """The vertices of the curve of FAR and TAR: none accepted, then up to each distinct distance.

    genuine, impostor: the sampled pairs; distances: float32 [V], ascending; genuine_at,
    impostor_at: int64 [V + 1], the sampled pairs that are accepted at each vertex.
    """

    genuine: _SortedPairs
    impostor: _SortedPairs
    distances: Float32
    genuine_at: Int64
    impostor_at: Int64

    @property
    def pairs(self) -> int:
        """The number of sampled pairs."""
        return len(self.genuine.copies) + len(self.impostor.copies)

    def vertex(self, thresholds: ArrayLike) -> Int64:
        """The vertex up to which pairs are accepted at each threshold, int64 of their shape."""
        return np.searchsorted(self.distances, np.float32(thresholds), side="right")

    def accepted(self, draws: Float64) -> tuple[Float64, Float64, Bool]:
        """The weights of `_SortedPairs.accepted`, and which of the resamples have both kinds.

        Only those resamples are among the weights, of genuine and of impostor pairs.
        """
        genuine = self.genuine.accepted(draws, as_product=False)
        impostor = self.impostor.accepted(draws, as_product=True)
        is_defined = (genuine[:, -1] > 0) & (impostor[:, -1] > 0)
        return genuine[is_defined], impostor[is_defined], is_defined


def _curve_points(pairs: PairScores) -> _CurvePoints:
    samples = (pairs.genuine_sample, pairs.impostor_sample)
    orders = [np.argsort(sample.distance, kind="stable") for sample in samples]
    nearest = [sample.distance[order] for sample, order in zip(samples, orders, strict=True)]
    distances = np.unique(np.concatenate(nearest))
    genuine_at, impostor_at = (
        np.append(0, np.searchsorted(values, distances, side="right")) for values in nearest
    )
    genuine, impostor = (
        _SortedPairs.of(sample, order, pairs.identity)
        for sample, order in zip(samples, orders, strict=True)
    )
    return _CurvePoints(genuine, impostor, distances, genuine_at, impostor_at)


def _rates(
    points: _CurvePoints, draws: Float64, threshold: float, fars: Sequence[float]
) -> dict[str, Float64]:
    """FAR, FRR, EER, AUC and TAR of each resample, float64 [B] each; draws: float64 [B, K]."""
    genuine, impostor, is_defined = points.accepted(draws)
    tar = _curve(genuine, points.genuine_at)
    far = _curve(impostor, points.impostor_at)
    at_threshold = points.vertex(threshold)
    rates = {
        "FAR": far[:, at_threshold],
        "FRR": 1 - tar[:, at_threshold],
        "EER": _interpolated_eer(far, tar),
        "AUC": (np.diff(far) * (tar[:, 1:] + tar[:, :-1])).sum(axis=1) / 2,
    }
    resamples = np.arange(len(far))
    for target in fars:
        last = (far <= target).sum(axis=1) - 1
        rates[tar_key(target)] = tar[resamples, last]
    return {key: _spread(values, is_defined) for key, values in rates.items()}


def _error_rates(points: _CurvePoints, draws: Float64, at: Int64) -> Float64:
    """FAR and FRR of each resample at some vertices, float64 [B, 2, T]; draws: float64 [B, K]."""
    genuine, impostor, is_defined = points.accepted(draws)
    far = _curve(impostor, points.impostor_at[at])
    frr = 1 - _curve(genuine, points.genuine_at[at])
    return _spread(np.stack([far, frr], axis=1), is_defined)


def _curve(accepted: Float64, at: Int64) -> Float64:
    """The share accepted at each vertex of `at`, float64 [B, V]."""
    shares = np.take(accepted, at, axis=1)
    shares /= accepted[:, -1:]
    return shares


def _interpolated_eer(far: Float64, tar: Float64) -> Float64:
    """The crossing of `calculate_verification_metrics` on each row of [B, V + 1] rates."""
    gap = far + tar - 1
    after = np.argmax(gap >= 0, axis=1)
    resamples = np.arange(len(gap))
    low, high = gap[resamples, after - 1], gap[resamples, after]
    start, stop = far[resamples, after - 1], far[resamples, after]
    return start - low / (high - low) * (stop - start)


def _spread(values: Float64, is_defined: Bool) -> Float64:
    spread = np.full((len(is_defined), *values.shape[1:]), np.nan)
    spread[is_defined] = values
    return spread

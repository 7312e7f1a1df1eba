"""How the figures move when the people are drawn anew, and the intervals that follow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from biometrics.arrays import Bool, Float64, Int64
from biometrics.engine.pair_scores import PairScores
from biometrics.engine.sample import SampledPairs
from biometrics.figures.metrics import error_rates, true_accept_rate, verification_metrics
from biometrics.figures.names import ONE_ENROLLED, tar_key
from biometrics.intervals.drawn_curve import DrawnCurve
from biometrics.intervals.rates import Rate, standard_error
from biometrics.settings import BOOTSTRAP
from groundfloor.draws import Draw, generator

# Resamples of the identities behind the intervals.
RESAMPLES = 400
# Cells (resamples times pairs) that are held at a time: arrays that stay in the cache.
RESAMPLE_CELLS = 2**15


def figure_intervals(
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
    `Rate.interval` for how an interval comes from them, and for the other method.

    Args:
      pairs: the scores of all pairs.
      threshold: of FAR and FRR, in the units of the distance.
      fars: FARs at which TAR is asked for.
      ranks: the N of Rank-N.
      seed: of the resampling.
      method: "bootstrap" or "clopper_pearson", the latter for all but EER, AUC and the one-enrolled
        Rank-1, which are no counts.

    Returns:
      key -> [low, high] within [0, 1], for all the keys of metrics.json but `EER_threshold`.

    Raises:
      EvaluationError: the method is another.

    Example:
      >>> from biometrics.engine.pair_scores import score_pairs
      >>> line = [[0.0], [1.0], [2.0], [3.0], [7.0], [9.0]]
      >>> pairs = score_pairs(line, ["a", "a", "b", "b", "c", "c"], "euclidean")
      >>> intervals = figure_intervals(pairs, 1.5, fars=[], ranks=[1], seed=0)
      >>> [round(limit, 2) for limit in intervals["FRR"]]
      [0.0, 0.99]
      >>> list(intervals)
      ['FAR', 'FRR', 'EER', 'AUC', 'Rank-1', 'Rank-1 (one enrolled)']
    """
    resampled = resample_verification(pairs, threshold, fars=fars, seed=seed)
    resampled |= resample_identification(pairs, ranks=ranks, seed=seed)
    return {key: list(figure.interval(method)) for key, figure in resampled.items()}


@dataclass(frozen=True)
class Resampled(Rate):
    """A figure, and how it moves when the people are drawn anew.

    Attributes:
      resamples: float64 [RESAMPLES], the figure of each resample; NaN where it has none.
    """

    resamples: Float64 = field(kw_only=True)

    @classmethod
    def of(
        cls,
        value: float,
        resamples: Float64,
        people: int,
        independent: int,
        trials: int | None,
    ) -> "Resampled":
        """The figure with the `standard_error` that its resamples give it; see `Rate`."""
        error = standard_error(resamples, people)
        return cls(value, error, people, independent, trials, resamples=resamples)


def resample_verification(
    pairs: SampledPairs, threshold: float, *, fars: Sequence[float], seed: int
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
    curve = DrawnCurve.of(pairs)
    chunks = [curve.rates(draws, threshold, fars) for draws in _drawn_for(pairs, curve, seed)]
    values = _verification_figures(pairs, threshold, fars)
    resamples = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in values}
    return {
        key: Resampled.of(value, resamples[key], *_basis(key, pairs))
        for key, value in values.items()
    }


def resample_error_rates(
    pairs: SampledPairs, distances: Sequence[float], *, seed: int
) -> list[dict[str, Resampled]]:
    """FAR and FRR at each distance as by `resample_verification`, all by one resampling.

    Returns:
      `FAR` and `FRR` for each distance, in their order.
    """
    curve = DrawnCurve.of(pairs)
    at = curve.vertex(distances)
    chunks = [curve.error_rates(draws, at) for draws in _drawn_for(pairs, curve, seed)]
    resamples = np.concatenate(chunks)
    values = np.stack(error_rates(pairs, distances))
    return [
        {
            key: Resampled.of(
                float(values[rate, place]), resamples[:, rate, place], *_basis(key, pairs)
            )
            for rate, key in enumerate(("FAR", "FRR"))
        }
        for place in range(len(distances))
    ]


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
    resampled: dict[str, list[Float64]] = {key: [] for key in by_person}
    for draws in _drawn_people(people, seed, RESAMPLE_CELLS // people):
        for key, sums in by_person.items():
            hits, probes = (draws @ sums).T
            resampled[key].append(_share(hits, probes))
    mated, searches = _mated_people(pairs), int(searched.sum())
    return {
        key: Resampled.of(
            _whole_share(by_person[key]),
            np.concatenate(values),
            people=mated,
            independent=mated,
            trials=None if key == ONE_ENROLLED else searches,
        )
        for key, values in resampled.items()
    }


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


def _drawn_for(pairs: SampledPairs, curve: DrawnCurve, seed: int) -> Iterator[Float64]:
    """`_drawn_people` for the resampling of pairs."""
    people = len(pairs.sizes)
    return _drawn_people(people, seed, RESAMPLE_CELLS // max(curve.pairs, people))


def _mated_people(pairs: SampledPairs) -> int:
    """The people with two images or more."""
    return int((pairs.sizes > 1).sum())


def _basis(key: str, pairs: SampledPairs) -> tuple[int, int, int | None]:
    """What a figure of pairs rests on: `people`, `independent` and `trials` of a `Rate`."""
    people, mated = len(pairs.sizes), _mated_people(pairs)
    others = {
        "FAR": (people, people // 2, pairs.impostor.total),
        "EER": (mated, min(people // 2, mated), None),
        "AUC": (mated, min(people // 3, mated), None),
    }
    return others.get(key, (mated, mated, pairs.genuine.total))


def _verification_figures(
    pairs: SampledPairs, threshold: float, fars: Sequence[float]
) -> dict[str, float]:
    """The figures themselves, from all pairs."""
    far, frr = error_rates(pairs, threshold)
    at_own_threshold = verification_metrics(pairs)
    figures = {"FAR": float(far), "FRR": float(frr)}
    figures |= {key: at_own_threshold[key] for key in ("EER", "AUC")}
    return figures | {tar_key(target): true_accept_rate(pairs, target) for target in fars}


def _by_person(
    identity: Int64, found: Bool | Float64, people: int, weight: Float64 | None = None
) -> Float64:
    """The hits of each person's probes and the number of these, float64 [K, 2]."""
    weight = np.ones(len(identity)) if weight is None else weight
    sums = [np.bincount(identity, weights, people) for weights in (weight * found, weight)]
    return np.stack(sums, axis=1).astype(np.float64)


def _share(hits: Float64, probes: Float64) -> Float64:
    return np.divide(hits, probes, out=np.full(len(hits), np.nan), where=probes > 0)


def _whole_share(by_person: Float64) -> float:
    hits, probes = by_person.sum(axis=0)
    return float(hits / probes)

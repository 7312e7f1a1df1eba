"""95 % intervals of figures of pairs of nobody knows whom.

Pairs are taken as independent of each other, which those of one person are not: where people are in
several pairs, these intervals are too narrow. Whoever knows the people takes
`biometrics.intervals.bootstrap`.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from biometrics.arrays import Float64
from biometrics.engine.scores import GenuineAndImpostor, Scores
from biometrics.figures.metrics import error_rates, true_accept_rate, verification_metrics
from biometrics.figures.names import tar_key
from biometrics.figures.trials import TrialScores
from biometrics.intervals.bootstrap import RESAMPLES, Resampled
from biometrics.intervals.rates import clopper_pearson
from groundfloor.draws import Draw, generator

# Values that the resamples tell apart: their spread needs no more.
_MOST_VALUES = 4096


def pair_intervals(
    scores: GenuineAndImpostor, threshold: float, *, fars: Sequence[float], seed: int
) -> dict[str, list[float]]:
    """Intervals of FAR and FRR at `threshold`, EER, AUC, and TAR at each of `fars`.

    Those of FAR, FRR and TAR are Clopper and Pearson's, with the threshold as given. EER and AUC
    are no counts: pairs of each kind are drawn anew, with replacement.

    Returns:
      key -> [low, high] within [0, 1].
    """
    genuine, impostor = scores.genuine.total, scores.impostor.total
    far, frr = error_rates(scores, threshold)
    shares = {"FAR": (float(far), impostor), "FRR": (float(frr), genuine)}
    tars = {tar_key(target): (true_accept_rate(scores, target), genuine) for target in fars}
    return (
        {key: _binomial(*share) for key, share in shares.items()}
        | _resampled_intervals(scores, seed)
        | {key: _binomial(*share) for key, share in tars.items()}
    )


def _binomial(share: float, trials: int) -> list[float]:
    return list(clopper_pearson(round(share * trials), trials))


def _resampled_intervals(scores: GenuineAndImpostor, seed: int) -> dict[str, list[float]]:
    keys = ("EER", "AUC")
    value = verification_metrics(scores)
    drawn = np.array([[one[key] for key in keys] for one in _resamples(_coarse(scores), seed)])
    fewer = min(scores.genuine.total, scores.impostor.total)
    return {
        key: list(_figure(value[key], drawn[:, column], fewer).interval())
        for column, key in enumerate(keys)
    }


def _figure(value: float, resamples: Float64, pairs: int) -> Resampled:
    """The pairs of the rarer kind stand where people do, who here are not known."""
    return Resampled.of(value, resamples, people=pairs, independent=pairs, trials=None)


def _resamples(scores: GenuineAndImpostor, seed: int) -> Iterator[dict[str, float]]:
    rng = generator(Draw.RESAMPLED_PAIRS, seed)
    for _ in range(RESAMPLES):
        yield verification_metrics(
            TrialScores(_drawn(scores.genuine, rng), _drawn(scores.impostor, rng))
        )


def _drawn(scores: Scores, rng: np.random.Generator) -> Scores:
    """As many pairs, with replacement."""
    counts = rng.multinomial(scores.total, scores.counts / scores.total)
    occurs = counts > 0
    return Scores(scores.values[occurs], counts[occurs])


def _coarse(scores: GenuineAndImpostor) -> GenuineAndImpostor:
    """The pairs with neighbouring distances taken as equal, so that few values occur."""
    values = np.union1d(scores.genuine.values, scores.impostor.values)
    if len(values) <= _MOST_VALUES:
        return scores
    places = np.linspace(0, len(values) - 1, _MOST_VALUES).round().astype(np.int64)
    limits = values[places]
    return TrialScores(_rounded(scores.genuine, limits), _rounded(scores.impostor, limits))


def _rounded(scores: Scores, limits: np.ndarray) -> Scores:
    """Each distance raised to the next of `limits`, the last of which is the largest distance."""
    place = np.searchsorted(limits, scores.values)
    counts = np.bincount(place, scores.counts, len(limits)).astype(np.int64)
    occurs = counts > 0
    return Scores(limits[occurs], counts[occurs])

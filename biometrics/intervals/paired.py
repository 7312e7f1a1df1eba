"""Whether two models differ on the same pairs, or only by the people who happen to be in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from biometrics.engine.pair_scores import PairScores
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import verification_metrics
from biometrics.intervals.bootstrap import (
    Resampled,
    resample_identification,
    resample_verification,
)
from biometrics.intervals.rates import CONFIDENCE, standard_error, unseen_share


@dataclass(frozen=True)
class PairedComparison:
    """A figure of two models on the same pairs.

    Attributes:
      metric: the key of the figure in metrics.json.
      candidate: the figure of the one model, in [0, 1].
      baseline: that of the other.
      standard_error: of their difference; 0 where no resample moves it.
      people: how many there are whose draws the figures depend on.
      independent: how many outcomes they rest on in which nobody occurs twice.
    """

    metric: str
    candidate: float
    baseline: float
    standard_error: float
    people: int
    independent: int

    @property
    def difference(self) -> float:
        """Candidate minus baseline, in [-1, 1]; of an error rate, above 0 is worse."""
        return self.candidate - self.baseline

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The confidence interval of the difference: (low, high) within [-1, 1].

        difference -+ t s, with `standard_error` for s and one degree of freedom less than there
        are people (Hesterberg, "What teachers should know about the bootstrap", 2015). Where no
        resample moves the difference, a share u of the population may still behave unlike
        everybody seen, and add u to it or take u away; see `rate_intervals`.
        """
        if self.standard_error == 0:
            width = unseen_share(self.independent, confidence)
        else:
            width = t.ppf((1 + confidence) / 2, self.people - 1) * self.standard_error
        low, high = np.clip([self.difference - width, self.difference + width], -1, 1)
        return float(low), float(high)


def compare(
    candidate: PairScores,
    baseline: PairScores,
    *,
    seed: int,
    metric: str = "EER",
    fars: Sequence[float] = (),
) -> PairedComparison:
    """Compares a figure of two models on the same images by a paired bootstrap of the people.

    In each resample both models see the same people, drawn as in `resample_verification`. What
    makes people easy or hard for both then cancels in the difference, whose interval is narrower
    the more the two models' errors go together.

    Args:
      candidate: the pairs as one model scores them.
      baseline: the pairs of the same images, in the same order, as the other scores them.
      seed: of the resampling.
      metric: "EER", "AUC", "FAR" or "FRR", the latter two at the `EER_threshold` of each model; or
        the key of TAR at one of `fars`.
      fars: the FARs in question; EER, AUC, FAR and FRR need none.

    Raises:
      EvaluationError: the images are not of the same people, or there is no such metric.
    """
    _check_same_people(candidate, baseline)
    ours, theirs = (_resample(pairs, metric, fars, seed) for pairs in (candidate, baseline))
    return _paired(metric, ours, theirs)


def compare_figures(
    candidate: PairScores,
    baseline: PairScores,
    *,
    seed: int,
    fars: Sequence[float],
    ranks: Sequence[int],
) -> dict[str, PairedComparison]:
    """`compare` of EER, AUC, TAR at each of `fars`, Rank-N and the one-enrolled Rank-1, at once.

    FAR and FRR are left out: at the threshold that makes them equal, which each model has of its
    own, they are no result.

    Raises:
      EvaluationError: the images are not of the same people.
    """
    _check_same_people(candidate, baseline)
    ours, theirs = (_all_figures(pairs, fars, ranks, seed) for pairs in (candidate, baseline))
    return {key: _paired(key, figure, theirs[key]) for key, figure in ours.items()}


def _all_figures(
    pairs: PairScores, fars: Sequence[float], ranks: Sequence[int], seed: int
) -> dict[str, Resampled]:
    threshold = verification_metrics(pairs)["EER_threshold"]
    figures = resample_verification(pairs, threshold, fars=fars, seed=seed)
    figures |= resample_identification(pairs, ranks=ranks, seed=seed)
    return {key: figure for key, figure in figures.items() if key not in ("FAR", "FRR")}


def _check_same_people(candidate: PairScores, baseline: PairScores) -> None:
    if not np.array_equal(candidate.identity, baseline.identity):
        raise EvaluationError(
            "A paired comparison needs the same images in the same order. Received: "
            f"{candidate.images} images of {len(candidate.sizes)} people against "
            f"{baseline.images} images of {len(baseline.sizes)} people"
        )


def _paired(metric: str, ours: Resampled, theirs: Resampled) -> PairedComparison:
    return PairedComparison(
        metric=metric,
        candidate=ours.value,
        baseline=theirs.value,
        standard_error=standard_error(ours.resamples - theirs.resamples, ours.people),
        people=ours.people,
        independent=ours.independent,
    )


def _resample(pairs: PairScores, metric: str, fars: Sequence[float], seed: int) -> Resampled:
    threshold = verification_metrics(pairs)["EER_threshold"]
    figures = resample_verification(pairs, threshold, fars=fars, seed=seed)
    if metric not in figures:
        raise EvaluationError(f"The metric must be one of {', '.join(figures)}. Received: {metric}")
    return figures[metric]

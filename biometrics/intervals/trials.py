"""95 % intervals of rates over searches and listed pairs, by resampling the people.

The trials of one person are not independent, so people are drawn with replacement and not trials
(the subset bootstrap; Bolle, Ratha, Pankanti, 2004). How an interval comes from the resamples, and
what the other method is, says `Rate.interval`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Bool, Float32, Int64
from biometrics.engine.scores import Scores
from biometrics.figures.metrics import true_accept_rate
from biometrics.figures.trials import TrialScores
from biometrics.intervals.bootstrap import Resampled, draw_people
from biometrics.settings import BOOTSTRAP


@dataclass(frozen=True)
class Trials:
    """Comparisons or searches of one kind.

    Attributes:
      distance: float32 [T]; infinity is never accepted.
      first: int64 [T], the person whose draws weigh the trial.
      second: int64 [T], another person whose draws weigh it too, as in an impostor pair.
    """

    distance: Float32
    first: Int64
    second: Int64 | None = None

    def sorted(self) -> "Trials":
        """The same trials, the nearest first."""
        order = np.argsort(self.distance, kind="stable")
        second = None if self.second is None else self.second[order]
        return Trials(self.distance[order], self.first[order], second)

    def weights(self, draws: Int64) -> Int64:
        """How often each trial occurs where person k was drawn `draws[k]` times; int64 [T]."""
        return draws[self.first] * (1 if self.second is None else draws[self.second])


def share_intervals(
    outcomes: Mapping[str, Bool], identity: Int64, seed: int, method: str = BOOTSTRAP
) -> dict[str, list[float]]:
    """Intervals of the share of searches that come out true.

    Args:
      outcomes: key -> bool [P], at least one search.
      identity: int64 [P], the person who searches; only these people are drawn.
      seed: of the draws.
      method: "bootstrap" or "clopper_pearson".
    """
    person = np.unique(identity, return_inverse=True)[1]
    searches = np.bincount(person)
    hits = np.array([np.bincount(person, outcome) for outcome in outcomes.values()])
    shares = np.array(
        [hits @ draws / (searches @ draws) for draws in draw_people(len(searches), seed)]
    )
    return {
        key: _interval(outcome.mean(), shares[:, column], len(searches), len(outcome), method)
        for column, (key, outcome) in enumerate(outcomes.items())
    }


def accepted_intervals(
    wanted: Trials,
    unwanted: Trials,
    targets: Sequence[float],
    seed: int,
    method: str = BOOTSTRAP,
) -> dict[float, list[float]]:
    """Intervals of the share of `wanted` trials accepted where few `unwanted` ones are.

    Each resample finds its own threshold: the largest at which the share of `unwanted` trials
    accepted is not above the target. Resamples without a trial of either kind are left out. Clopper
    and Pearson's intervals take the threshold as given.

    Returns:
      target -> [low, high].
    """
    scores = TrialScores(Scores.of(wanted.distance), Scores.of(unwanted.distance))
    rates = [true_accept_rate(scores, target) for target in targets]
    resampled = _resampled_shares(wanted.sorted(), unwanted.sorted(), targets, seed)
    shares = np.reshape(resampled, (len(resampled), len(targets)))
    people = len(np.unique(wanted.first))
    return {
        target: _interval(rate, shares[:, column], people, scores.genuine.total, method)
        for column, (target, rate) in enumerate(zip(targets, rates, strict=True))
    }


def _resampled_shares(
    wanted: Trials, unwanted: Trials, targets: Sequence[float], seed: int
) -> list[np.ndarray]:
    """The accepted share at each target, float64 [targets], of each resample; sorted trials."""
    people = 1 + max(wanted.first.max(), unwanted.first.max(), _last(unwanted.second))
    shares = []
    for draws in draw_people(people, seed):
        accepted = np.concatenate([[0], np.cumsum(wanted.weights(draws))])
        false = np.cumsum(unwanted.weights(draws))
        if accepted[-1] == 0 or false[-1] == 0:
            continue
        # The first trial with which the accepted weight is above the target is one too far.
        allowed = np.array(targets) * false[-1] * (1 + 1e-9)
        refused = unwanted.distance[np.searchsorted(false, allowed, side="right")]
        nearer = np.searchsorted(wanted.distance, refused, side="left")
        shares.append(accepted[nearer] / accepted[-1])
    return shares


def _last(people: Int64 | None) -> int:
    return 0 if people is None else int(people.max())


def _interval(
    value: float, resamples: np.ndarray, people: int, trials: int, method: str
) -> list[float]:
    rate = Resampled.of(float(value), resamples, people, independent=people, trials=trials)
    return list(rate.interval(method))

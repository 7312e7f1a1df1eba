"""The distances of a protocol's own comparisons or searches, where they are not all pairs."""

from collections.abc import Iterable
from dataclasses import dataclass

from biometrics.engine.scores import Scores
from biometrics.figures.metrics import impostor_pairs_needed


@dataclass(frozen=True)
class TrialScores:
    """What the rates at a threshold are made of; it stands in for the scores of all pairs there.

    Attributes:
      genuine: distances of the genuine pairs, or of the mates in mated searches.
      impostor: distances of the impostor pairs, or of the top candidates in non-mated searches.
    """

    genuine: Scores
    impostor: Scores


def supported_targets(targets: Iterable[float], trials: int) -> tuple[list[float], list[float]]:
    """The error rates that so many trials support, by the rule of three, and the others."""
    targets = list(targets)
    supported = [target for target in targets if impostor_pairs_needed(target) <= trials]
    return supported, [target for target in targets if target not in supported]

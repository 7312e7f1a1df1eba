"""The protocol `pairs`."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from components.evaluator.engine.arrays import Bool, Float32, Float64, Int64
from components.evaluator.engine.scores import Scores
from components.evaluator.metrics import impostor_pairs_needed, tar_key, true_accept_rate
from components.evaluator.protocols.base import ProtocolResult, ProtocolSettings, TestSet
from components.evaluator.protocols.curves import error_curve
from components.evaluator.protocols.distances import listed_distances
from components.evaluator.protocols.pairs_file import PairList, find_pairs, read_pairs
from components.evaluator.protocols.resampling import Trials, accepted_intervals
from components.evaluator.protocols.trials import TrialScores, supported_targets


@dataclass(frozen=True)
class Pairs:
    """The pairs that a file lists, in folds, as in Labeled Faces in the Wild.

    The accuracy of a fold is taken at the threshold that is best on all the others; reported is
    the mean over the folds with its standard error, the standard deviation of the folds'
    accuracies (with F - 1 in the denominator) over sqrt(F) (Huang et al., "Labeled Faces in the
    Wild", 2007). Its interval is that of Student's t with F - 1 degrees of freedom. TAR at a FAR
    is that of all the pairs, with intervals by resampling the people.

    Attributes:
      file: of the pairs; see `read_pairs` for the two forms.
    """

    file: str

    def run(self, test: TestSet, settings: ProtocolSettings) -> ProtocolResult:
        """Gives `Accuracy`, `Accuracy SE`, `TAR@FAR`, and the curves `folds` and `det`.

        Raises:
          EvaluationError: the file cannot be understood, or does not go with the test set.
        """
        pairs = find_pairs(read_pairs(settings.read(self.file)), test)
        distance = listed_distances(test.embeddings, settings.distance, pairs.first, pairs.second)
        accuracy, threshold = fold_accuracies(distance, pairs.same, pairs.fold)
        mean, error, interval = mean_accuracy(accuracy)
        scores = TrialScores(Scores.of(distance[pairs.same]), Scores.of(distance[~pairs.same]))
        supported, others = supported_targets(settings.target_fars, scores.impostor.total)
        limits = accepted_intervals(
            *_trials(distance, pairs, test.identity),
            supported,
            settings.seed,
            settings.intervals,
        )
        return ProtocolResult(
            description=(
                f"The pairs that {self.file} lists; the accuracy on each fold is taken at the "
                "threshold that is best on the other folds."
            ),
            figures={"Accuracy": mean, "Accuracy SE": error}
            | {tar_key(far): true_accept_rate(scores, far) for far in supported},
            counts={
                "genuine_pairs": scores.genuine.total,
                "impostor_pairs": scores.impostor.total,
                "missing_pairs": pairs.missing,
                "folds": len(accuracy),
            },
            intervals={"Accuracy": interval} | {tar_key(far): limits[far] for far in supported},
            unsupported={tar_key(far): impostor_pairs_needed(far) for far in others},
            curves={
                "folds": {
                    "fold": np.arange(1, len(accuracy) + 1),
                    "accuracy": accuracy,
                    "threshold": threshold,
                },
                "det": error_curve(scores, "far", "frr"),
            },
        )


def _trials(distance: Float32, pairs: PairList, identity: Int64) -> tuple[Trials, Trials]:
    first, second = identity[pairs.first], identity[pairs.second]
    other = ~pairs.same
    return (
        Trials(distance[pairs.same], first[pairs.same]),
        Trials(distance[other], first[other], second[other]),
    )


def fold_accuracies(distance: Float32, same: Bool, fold: Int64) -> tuple[Float64, Float32]:
    """The accuracy on each fold at the threshold that is best on the others.

    Args:
      distance: float32 [P].
      same: bool [P].
      fold: int64 [P], 0 .. F - 1, F at least 2 and no fold empty.

    Returns:
      The accuracies, float64 [F], and the thresholds, float32 [F].
    """
    folds = range(int(fold.max()) + 1)
    thresholds = np.array(
        [best_threshold(distance[fold != held_out], same[fold != held_out]) for held_out in folds]
    )
    is_right = (distance <= thresholds[fold]) == same
    return np.bincount(fold, is_right) / np.bincount(fold), thresholds


def best_threshold(distance: Float32, same: Bool) -> np.float32:
    """The threshold with the best accuracy, of all that tell these pairs apart.

    It is in the middle of the gap between the farthest distance that is accepted and the nearest
    one that is not; where several gaps are as good, in the first. Below all distances where it is
    best to accept none, and at the largest where it is best to accept all.
    """
    values, position = np.unique(distance, return_inverse=True)
    # Of accepting all pairs up to each value, against accepting none.
    gains = np.cumsum(np.bincount(position, np.where(same, 1, -1)))
    best = int(np.argmax(gains))
    if gains[best] <= 0:
        return np.nextafter(values[0], np.float32(-np.inf))
    if best == len(values) - 1:
        return values[best]
    middle = np.float32((float(values[best]) + float(values[best + 1])) / 2)
    # Between neighbouring float32 values there is no middle, and rounding may go up.
    return middle if middle < values[best + 1] else values[best]


def mean_accuracy(accuracy: Float64) -> tuple[float, float, list[float]]:
    """The mean over the folds, its standard error, and its 95 % interval within [0, 1]."""
    folds = len(accuracy)
    mean = float(accuracy.mean())
    error = float(accuracy.std(ddof=1) / np.sqrt(folds))
    reach = float(stdtrit(folds - 1, 0.975)) * error
    return mean, error, [max(0.0, mean - reach), min(1.0, mean + reach)]

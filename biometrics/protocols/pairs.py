"""The protocol `pairs`."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from biometrics.arrays import Bool, Float32, Float64, Int64
from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.engine.distances import listed_distances
from biometrics.engine.sample import PairSample
from biometrics.engine.scores import Scores
from biometrics.figures.curves import error_curve
from biometrics.figures.metrics import impostor_pairs_needed, middle_of_gap, verification_metrics
from biometrics.figures.names import tar_key
from biometrics.figures.trials import supported_targets
from biometrics.intervals.bootstrap import resample_verification
from biometrics.protocols.base import ProtocolResult
from biometrics.protocols.pairs_file import PairList, find_pairs, read_pairs
from biometrics.settings import ProtocolSettings


@dataclass(frozen=True)
class Pairs:
    """The pairs of the test people that a file lists; see `measure_listed`.

    Attributes:
      file: of the pairs; see `read_pairs` for its forms.
      min_share: of the pairs that the file lists, those that must be of test people for an
        accuracy: of a few of them it is that of another test.
    """

    file: str
    min_share: float = 0.9

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> PairList:
        """The pairs whose images are there.

        Raises:
          EvaluationError: the file cannot be understood, or does not go with the images.
        """
        return find_pairs(read_pairs(settings.read(self.file)), images)

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Gives `EER`, `AUC`, `TAR@FAR`, `Accuracy`, and the curves `det` and `folds`.

        Raises:
          EvaluationError: see `plan`.
        """
        pairs = self.plan(images, settings)
        description = f"The pairs that {self.file} lists."
        return measure_listed(images, pairs, settings, description, self.min_share)


_OF_FOLDS = "The accuracy on each fold is taken at the threshold that is best on the other folds."


def measure_listed(
    images: EmbeddingSet,
    pairs: PairList,
    settings: ProtocolSettings,
    description: str,
    min_share: float = Pairs.min_share,
) -> ProtocolResult:
    """Measures pairs that a file lists, as in Labeled Faces in the Wild.

    The accuracy of a fold is taken at the threshold that is best on all the others; reported is
    the mean over the folds with its standard error, the standard deviation of the folds'
    accuracies (with F - 1 in the denominator) over sqrt(F) (Huang et al., "Labeled Faces in the
    Wild", 2007). Its interval is that of Student's t with F - 1 degrees of freedom. Beside it
    stands what one answer to all pairs would get. EER, AUC and TAR at a FAR are those of all the
    pairs, with intervals by resampling the people.

    Args:
      images: those of the pairs.
      pairs: see `find_pairs`.
      settings: of the evaluation.
      description: what pairs they are, a sentence.
      min_share: see `Pairs`.

    Returns:
      `EER`, `AUC`, `TAR@FAR`, `Accuracy`, and the curves `det` and `folds`.
    """
    distance = listed_distances(images.embeddings, settings.distance, pairs.first, pairs.second)
    verification = _verification(distance, pairs, images.identity, settings)
    refusal = _refusal(pairs, min_share)
    accuracy = None if refusal else _accuracy(distance, pairs)
    parts = [verification, accuracy] if accuracy else [verification]
    return ProtocolResult(
        description=f"{description} {_OF_FOLDS}",
        figures={key: value for part in parts for key, value in part.figures.items()},
        counts={
            **verification.counts,
            "missing_pairs": len(pairs.missing),
            "folds": pairs.folds,
        },
        intervals={key: ends for part in parts for key, ends in part.intervals.items()},
        unsupported=verification.unsupported,
        curves={name: curve for part in parts for name, curve in part.curves.items()},
        remarks=[*_remarks(pairs), *([refusal] if refusal else [])],
    )


def _refusal(pairs: PairList, min_share: float) -> str:
    """Why these pairs have no accuracy; empty where they have."""
    if pairs.share < min_share:
        return (
            f"Accuracy has no number: {pairs.share:.1%} of the listed pairs are of {pairs.among}, "
            f"and min_share asks for {min_share:.0%}."
        )
    if pairs.empty_folds or pairs.folds < 2:
        without = f", without a pair left: {', '.join(pairs.empty_folds[:5])}"
        return (
            "Accuracy has no number: it needs two folds or more, each with pairs of "
            f"{pairs.among}. Here are {pairs.folds}{without if pairs.empty_folds else ''}."
        )
    return ""


@dataclass(frozen=True)
class _ListedScores:
    """Listed pairs as `resample_verification` takes all pairs.

    identity: int64 [N], the person in each image, of those who are in a pair; sizes: int64 [K], the
    images of each of them in genuine pairs, or 1.
    """

    genuine: Scores
    impostor: Scores
    genuine_sample: PairSample
    impostor_sample: PairSample
    identity: Int64
    sizes: Int64

    @classmethod
    def of(cls, distance: Float32, pairs: PairList, identity: Int64) -> "_ListedScores":
        images = np.unique(np.concatenate([pairs.first, pairs.second]))
        person = np.zeros(len(identity), np.int64)
        person[images] = np.unique(identity[images], return_inverse=True)[1]
        genuine, impostor = (
            _sample(distance[kind], pairs.first[kind], pairs.second[kind])
            for kind in (pairs.same, ~pairs.same)
        )
        mated = np.unique(np.concatenate([genuine.first, genuine.second]))
        return cls(
            genuine=Scores.of(genuine.distance),
            impostor=Scores.of(impostor.distance),
            genuine_sample=genuine,
            impostor_sample=impostor,
            identity=person,
            sizes=np.maximum(1, np.bincount(person[mated], minlength=person.max() + 1)),
        )


def _sample(distance: Float32, first: Int64, second: Int64) -> PairSample:
    return PairSample(first, second, distance, np.ones(len(distance)), tail=0)


def _verification(
    distance: Float32, pairs: PairList, identity: Int64, settings: ProtocolSettings
) -> ProtocolResult:
    """EER, AUC and TAR of all the pairs."""
    scores = _ListedScores.of(distance, pairs, identity)
    supported, others = supported_targets(settings.target_fars, scores.impostor.total)
    metrics = verification_metrics(scores)
    resampled = resample_verification(
        scores, metrics["EER_threshold"], fars=supported, seed=settings.seed
    )
    figures = {key: metrics[key] for key in ("EER", "EER_threshold", "AUC")}
    figures |= {tar_key(far): resampled[tar_key(far)].value for far in supported}
    method = settings.intervals
    intervals = {key: list(resampled[key].interval(method)) for key in figures if key in resampled}
    return ProtocolResult(
        description="",
        figures=figures,
        counts={
            "genuine_pairs": scores.genuine.total,
            "impostor_pairs": scores.impostor.total,
            "identities": len(scores.sizes),
        },
        intervals=intervals,
        unsupported={tar_key(far): impostor_pairs_needed(far) for far in others},
        curves={"det": error_curve(scores, "far", "frr")},
    )


def _accuracy(distance: Float32, pairs: PairList) -> ProtocolResult:
    """The accuracy over the folds, and what one answer to all pairs would get."""
    accuracy, threshold = fold_accuracies(distance, pairs.same, pairs.fold)
    mean, error, interval = mean_accuracy(accuracy)
    one_answer = max(pairs.same.mean(), 1 - pairs.same.mean())
    return ProtocolResult(
        description="",
        figures={"Accuracy": mean, "Accuracy SE": error, "Accuracy (one answer)": one_answer},
        counts={},
        intervals={"Accuracy": interval},
        curves={
            "folds": {
                "fold": np.arange(1, len(accuracy) + 1),
                "accuracy": accuracy,
                "threshold": threshold,
            }
        },
    )


def _remarks(pairs: PairList) -> list[str]:
    remarks = []
    if pairs.missing:
        first = pairs.missing[0]
        remarks.append(
            f"{len(pairs.missing):,} of {len(pairs.missing) + len(pairs.first):,} listed pairs "
            f"have an image outside of the {pairs.among} and are left out, the first in "
            f"{first.where}: {first.first} and {first.second}."
        )
    if pairs.repeated:
        first = pairs.repeated[0]
        remarks.append(
            f"Pairs that are listed again, and count once: {len(pairs.repeated):,}, the first in "
            f"{first.where}: {first.first} and {first.second}."
        )
    return remarks


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
    return middle_of_gap(values[best], values[best + 1])


def mean_accuracy(accuracy: Float64) -> tuple[float, float, list[float]]:
    """The mean over the folds, its standard error, and its 95 % interval within [0, 1]."""
    folds = len(accuracy)
    mean = float(accuracy.mean())
    error = float(accuracy.std(ddof=1) / np.sqrt(folds))
    reach = float(stdtrit(folds - 1, 0.975)) * error
    return mean, error, [max(0.0, mean - reach), min(1.0, mean + reach)]

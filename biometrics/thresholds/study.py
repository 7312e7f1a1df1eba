"""Parts the people in two: some choose the thresholds, and the others tell what these do."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Bool
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.settings import Settings
from biometrics.thresholds.calibration import Calibration
from biometrics.thresholds.fit import cllr, fit_calibration
from biometrics.thresholds.measured_images import MeasuredImages
from biometrics.thresholds.measured_sizes import MeasuredSizes
from biometrics.thresholds.operating_points import OperatingPoints, choose_operating_points
from biometrics.thresholds.pack import FORMAT, Protocol, ThresholdPack, VouchedExport, plain
from groundfloor.draws import Draw, shuffled

TOO_FEW_PEOPLE = (
    "thresholds are chosen on one part of the people and measured on the other, and each part "
    "needs two people, one of them with two images or more; there are {people} people, {mated} of "
    "them with two images or more"
)


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
        exports: Mapping[str, VouchedExport] | None = None,
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
            exports=dict(exports or {}),
        )


def study_thresholds(
    embeddings: ArrayLike,
    identities: Sequence[str],
    *,
    distance: str,
    target_fars: Sequence[float],
    seed: int,
    dev_share: float = Settings.dev_share,
    intervals: str = Settings.intervals,
) -> ThresholdStudy:
    """Parts the people, chooses thresholds on the dev people and measures them on the others.

    Args:
      embeddings: float [N, D].
      identities: the person in each image, [N].
      distance: `cosine` or `euclidean`.
      target_fars: in (0, 1), each once.
      seed: of the parting, and of the resampling behind the intervals.
      dev_share: the share of the people that choose, in (0, 1).
      intervals: `bootstrap` or `clopper_pearson`, of FAR and FRR.

    Returns:
      The study. Too few people are no error: it then has no operating points, and says why.

    Raises:
      EvaluationError: an embedding cannot be compared (see `score_pairs`), or `dev_share` is not in
        (0, 1).
    """
    vectors, names = np.asarray(embeddings), np.asarray(identities)
    is_dev = dev_people(identities, seed, dev_share)
    dev, test = (
        score_pairs(vectors[part], names[part], distance) if _has_pairs(names[part]) else None
        for part in (is_dev, ~is_dev)
    )
    missing, fitted, cost = "", None, None
    if dev and test:
        fitted = fit_calibration(dev)
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
        protocol=Protocol("all_pairs", dev_share, seed),
    )


def dev_people(identities: Sequence[str], seed: int, share: float = Settings.dev_share) -> Bool:
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

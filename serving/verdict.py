"""What is said of two compared images, as numbers and as sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from biometrics.thresholds.calibration import posterior
from biometrics.thresholds.pack import OperatingPoint, ThresholdPack
from serving.comparison import Comparison

ONE_IMAGE = "both have the very same pixels: an image is compared with itself"
NOT_MEASURED = "no probability: what a distance is worth was not measured on such images"


@dataclass(frozen=True)
class Verdict:
    """A comparison beside the thresholds of its model.

    Attributes:
      pair: the comparison.
      pack: the thresholds.
      point: the one of them that decides.
      prior: the probability of one person before the images are seen, in (0, 1).
    """

    pair: Comparison
    pack: ThresholdPack
    point: OperatingPoint
    prior: float = 0.5

    @property
    def is_same(self) -> bool:
        """Whether the two are taken for one person."""
        return self.pair.distance <= self.point.threshold

    @property
    def llr(self) -> float | None:
        """The natural log-likelihood ratio; None where it was not measured for such a pair."""
        if not self.pack.calibration or not self.pair.is_as_measured:
            return None
        return float(self.pack.calibration.llr(self.pair.distance))

    @property
    def probability(self) -> float | None:
        """Of one person, at the prior; None without an LLR."""
        return None if self.llr is None else float(posterior(self.llr, self.prior))


def remarks_on(pair: Comparison) -> list[str]:
    """What is to be said of the images of a comparison, a sentence each."""
    remarks = [unlike_remark(image, reasons) for image, reasons in pair.unlike.items()]
    return remarks + [ONE_IMAGE] * pair.is_one_image


def unlike_remark(image: str, reasons: Sequence[str]) -> str:
    """What is to be said of an image that is unlike those that were measured."""
    return f"{image} is unlike the images this model was measured on: {'; '.join(reasons)}"

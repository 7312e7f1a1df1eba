"""At which distance somebody in a gallery is the answer, and how often strangers get one.

A stranger's search is a false positive if any of the M enrolled images is at the threshold or
nearer. Each of them is with the probability FAR, so that by Boole's inequality

    FPIR(M) <= M * FAR,

however the M comparisons depend on each other. (Were they independent, it would be
1 - (1 - FAR)^M, which is less.) That is all that the pack of a model knows: its FAR, of pairs of
images of other people. It holds for a gallery and for strangers who are as alike as they were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from biometrics.thresholds.pack import SUPPORTED, OperatingPoint, ThresholdPack, far_name
from groundfloor.errors import UserError


@dataclass(frozen=True)
class Decision:
    """Where to decide in a gallery.

    Attributes:
      point: of the pack.
      far: what its FAR is at most; see `far_bound`.
      images: how many are compared in a search.
    """

    point: OperatingPoint
    far: float
    images: int

    @property
    def fpir(self) -> float:
        """What the FPIR is at most."""
        return min(1.0, self.images * self.far)


def decide(
    pack: ThresholdPack, images: int, far: float | None = None, fpir: float | None = None
) -> Decision:
    """The operating point of a FAR, or the loosest that keeps an FPIR.

    Args:
      pack: of the model.
      images: how many are compared in a search.
      far: a FAR that the pack holds; None, and no FPIR: the EER.
      fpir: the share of strangers' searches that may give a name, in (0, 1).

    Raises:
      UserError: both are given, a rate is none, or the pack cannot support it.
    """
    if far is not None and fpir is not None:
        raise UserError("give a FAR or an FPIR, not both")
    for name, rate in (("FAR", far), ("FPIR", fpir)):
        if rate is not None and not 0 < rate < 1:
            raise UserError(f"an {name} is a rate above 0 and below 1. Received: {rate}")
    if fpir is None:
        point = pack.operating_point(far)
        return Decision(point, far_bound(point), images)
    return _for_fpir(pack, images, fpir)


def far_bound(point: OperatingPoint) -> float:
    """What the FAR at a threshold is at most, with a confidence of 95 %.

    Its target where the pack says that it is supported; else the upper end of the interval that was
    measured on the test people, and no less than the target.
    """
    if point.state == SUPPORTED and point.target_far is not None:
        return point.target_far
    return max(point.target_far or 0.0, point.test.intervals["FAR"][1])


def _for_fpir(pack: ThresholdPack, images: int, fpir: float) -> Decision:
    pack.operating_point()  # says why, if there is none at all
    decisions = [Decision(point, far_bound(point), images) for point in pack.operating_points]
    kept = [decision for decision in decisions if images * decision.far <= fpir]
    if not kept:
        raise UserError(_why_not(decisions, images, fpir))
    return max(kept, key=lambda decision: decision.point.threshold)


def _why_not(decisions: Sequence[Decision], images: int, fpir: float) -> str:
    best = min(decisions, key=lambda decision: decision.far)
    return (
        f"an FPIR of {fpir:g} in {images:,} images takes a threshold whose FAR is at most "
        f"{fpir / images:.2g}; the best of this model is {best.point.name}, whose FAR is at most "
        f"{best.far:.2g} ({best.point.state}) and whose FPIR at most {best.fpir:.2g}. Measure the "
        f"model on more people, with {far_name(10.0 ** _exponent(fpir / images))} among "
        "evaluation.target_fars, or give a rate that it supports"
    )


def _exponent(rate: float) -> int:
    """Of the power of ten that is next below."""
    return int(f"{rate:e}".partition("e")[2])

"""Which images may be enrolled, by themselves and beside those that are there: pure functions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Bool, Float32
from biometrics.thresholds.pack import ThresholdPack
from groundfloor.errors import UserError
from serving.gallery.records import EnrollableImage

SIZE = "size"
LOOK = "look"
UNPREPARED = "unprepared"
TWICE = "twice"
FAR = "far"
OTHER = "other"
# The names of the rules, for `--allow`.
REASONS = (SIZE, LOOK, UNPREPARED, TWICE, FAR, OTHER)


@dataclass(frozen=True)
class EnrolPolicy:
    """What is enrolled all the same.

    Attributes:
      allow: names of `REASONS`.

    Raises:
      UserError: one of them is none.
    """

    allow: Collection[str] = ()

    def __post_init__(self) -> None:
        for name in self.allow:
            if name not in REASONS:
                raise UserError(f"a rule is one of {', '.join(REASONS)}. Received: {name!r}")

    def refusals(self, reasons: dict[str, str]) -> dict[str, str]:
        """Those reasons that are not allowed."""
        return {name: why for name, why in reasons.items() if name not in self.allow}


def wrong_by_itself(image: EnrollableImage, pack: ThresholdPack) -> dict[str, str]:
    """What is wrong with an image, whatever else is enrolled: rule -> why."""
    size = pack.measured_sizes.unlike(image.height, image.width) if pack.measured_sizes else []
    look = pack.measured_images.unlike(image.pixels) if pack.measured_images else []
    found = {SIZE: size, LOOK: look, UNPREPARED: image.unprepared}
    return {rule: "; ".join(reasons) for rule, reasons in found.items() if reasons}


def unchecked(pack: ThresholdPack) -> tuple[str, ...]:
    """What of an image cannot be judged with this model, a sentence each."""
    missing = {"size": pack.measured_sizes, "look": pack.measured_images}
    return tuple(
        f"{rule} is not checked: the model does not say on which images it was measured"
        for rule, measured in missing.items()
        if measured is None
    )


@dataclass(frozen=True)
class Neighbours:
    """How far N new images of a person are from the enrolled ones, and from each other.

    Attributes:
      own: float32 [N, M], to the person's enrolled images.
      each_other: float32 [N, N].
      other: float32 [N], to the nearest image of somebody else; infinity where there is none.
      other_names: whose that is, [N].
      is_copy: bool [N], whether it has the very pixels of an enrolled or an earlier image of the
        person.
    """

    own: Float32
    each_other: Float32
    other: Float32
    other_names: Sequence[str]
    is_copy: Bool


def wrong_beside_others(
    neighbours: Neighbours, threshold: float, usable: Bool
) -> list[dict[str, str]]:
    """What is wrong with each new image in view of the others: rule -> why.

    - `twice`: the person has the very image.
    - `other`: somebody else is within the threshold, and nearer than the person's own enrolled
      images: they may be one person.
    - `far`: neither the person's enrolled images nor, by steps within the threshold, the other new
      ones lead to it. Where none is enrolled, the new image that most others are near to is the
      first, whatever their order.

    Args:
      neighbours: of N new images.
      threshold: images of a person are this near.
      usable: bool [N], those that are not refused for other reasons: steps lead over them alone.
    """
    found: list[dict[str, str]] = [{} for _ in usable]
    nearest = neighbours.own.min(axis=1, initial=np.inf)
    for place, reasons in enumerate(found):
        other = float(neighbours.other[place])
        if neighbours.is_copy[place]:
            reasons[TWICE] = "the person has this very image"
        if other <= threshold and other < nearest[place]:
            reasons[OTHER] = (
                f"it is at distance {other:.4f} of {neighbours.other_names[place]!r}, within the "
                f"threshold {threshold:.4f}: they may be one person"
            )
    for place in np.flatnonzero(~_reached(neighbours, threshold, usable)).tolist():
        found[place][FAR] = (
            "it is farther from the person's other images than the threshold "
            f"{threshold:.4f}{_by(nearest[place])}"
        )
    return found


def _by(distance: float) -> str:
    return f": {distance:.4f}" if np.isfinite(distance) else ""


def _reached(neighbours: Neighbours, threshold: float, usable: Bool) -> Bool:
    """Whether each new image is near the person's others, by steps over those that are usable.

    Where there is no other to be near to, it is.
    """
    is_near = np.asarray((neighbours.own <= threshold).any(axis=1))
    linked = (neighbours.each_other <= threshold) & usable
    if not neighbours.own.shape[1]:
        if not usable.any():
            return ~usable
        is_near[np.argmax(np.where(usable, linked.sum(axis=1), -1))] = True
    while True:
        grown = np.asarray(is_near | (linked & (is_near & usable)).any(axis=1))
        if np.array_equal(grown, is_near):
            return is_near
        is_near = grown

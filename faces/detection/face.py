"""A face that was found, and which of several is the one that an image is of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faces.images.formats import BadImageError

# Which of several faces is meant: the one of the largest box, the one nearest the middle, or none.
POLICIES = ("largest", "centre", "quarantine")


class NoFaceError(BadImageError):
    """There is no face in the image, or not where the source says one is."""


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is, in pixels of the image.

    Attributes:
      box: left, top, right and bottom, within the image.
      landmarks: x and y of five points, in the order of `contract.LANDMARKS`. One may lie outside
        of the image, where the face does.
      score: how sure the detector is, in [0, 1].
    """

    box: tuple[float, ...]
    landmarks: tuple[float, ...]
    score: float


class Detector(Protocol):
    """What finds faces; `faces.detection` finds one by name. Many threads may use it at once."""

    @property
    def name(self) -> str:
        """What it is called in a configuration."""
        ...

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """All faces of each image, in any order; what is found in one depends on no other.

        Args:
          images: uint8 [height, width, 3], RGB, upright, of any sizes.
        """
        ...


def choose_face(faces: Sequence[Face], height: int, width: int, policy: str) -> Face:
    """The face that an image is of.

    Args:
      faces: all that were found in it.
      height: of the image, in pixels.
      width: likewise.
      policy: one of `POLICIES`.

    Raises:
      NoFaceError: there is no face.
      BadImageError: with the policy "quarantine", there is more than one.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {POLICIES}. Received: {policy!r}")
    if not faces:
        raise NoFaceError("no face")
    if policy == "quarantine" and len(faces) > 1:
        raise BadImageError(f"several faces: {len(faces)}")
    if policy == "centre":
        middle = (width / 2, height / 2)
        return min(faces, key=lambda face: (math.dist(_centre(face.box), middle), -_area(face.box)))
    return max(faces, key=lambda face: (_area(face.box), face.score))


def face_in_box(faces: Sequence[Face], box: Sequence[float]) -> Face:
    """The face that a source's box means: of those whose middle is in it, the one that fits best.

    Args:
      faces: all that were found in the image.
      box: left, top, right and bottom, in pixels.

    Raises:
      NoFaceError: the middle of none is in the box.
    """
    inside = [face for face in faces if _holds(box, _centre(face.box))]
    if not inside:
        raise NoFaceError("no face in the source's box")
    return max(inside, key=lambda face: _shared_of_both(face.box, box))


def _centre(box: Sequence[float]) -> tuple[float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def _area(box: Sequence[float]) -> float:
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def _holds(box: Sequence[float], point: tuple[float, float]) -> bool:
    left, top, right, bottom = box
    return left <= point[0] <= right and top <= point[1] <= bottom


def _shared_of_both(one: Sequence[float], other: Sequence[float]) -> float:
    """Area of the intersection over that of the union, in [0, 1]."""
    shared = _area([*map(max, one[:2], other[:2]), *map(min, one[2:], other[2:])])
    union = _area(one) + _area(other) - shared
    return shared / union if union else 0.0

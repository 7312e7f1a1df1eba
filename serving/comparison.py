"""Two images and a model: how far apart they are, and whether that is worth what was measured."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from biometrics.engine.distances import distance_between
from biometrics.thresholds.pack import ThresholdPack

# What a model without thresholds is compared by.
DEFAULT_DISTANCE = "cosine"


@dataclass(frozen=True)
class SeenImage:
    """An image as a model sees it.

    Attributes:
      name: what to call it, such as its path.
      height: in pixels, before it is resized for the model.
      width: the same.
      pixels: what the network sees, uint8 [H, W, C].
      embedding: float32 [D], L2-normalised.
      unprepared: what was done to the images that the model was trained on, and not to this one, a
        sentence each.
      landmarks: by which it was aligned, ten numbers in pixels of the image; None: it was taken
        whole.
    """

    name: str
    height: int
    width: int
    pixels: np.ndarray
    embedding: np.ndarray
    unprepared: tuple[str, ...] = ()
    landmarks: Sequence[float] | None = None


@dataclass(frozen=True)
class Comparison:
    """Two images, compared.

    Attributes:
      distance: by the pack's name of it, as the evaluation rounds it.
      unlike: name of an image -> how it differs from the images that the model was measured on.
      is_one_image: both have the very same pixels.
    """

    distance: float
    unlike: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_one_image: bool = False

    @property
    def is_as_measured(self) -> bool:
        """Whether it is of the kind of pairs that the calibration was fitted to."""
        return not self.unlike and not self.is_one_image


@dataclass(frozen=True, eq=False)
class KnownImage:
    """What a comparison takes of an image: no pixels, so that many fit into memory.

    Attributes:
      name: what to call it.
      embedding: float32 [D], L2-normalised.
      differences: how it differs from the images that the model was measured on.
      pixels_sha256: of what the network saw; one image has one.
    """

    name: str
    embedding: np.ndarray
    differences: Sequence[str]
    pixels_sha256: bytes

    @classmethod
    def of(cls, image: SeenImage, pack: ThresholdPack | None) -> Self:
        """What is kept of an image.

        Args:
          image: as the model sees it.
          pack: of the model; None for a model without thresholds.
        """
        digest = hashlib.sha256(np.ascontiguousarray(image.pixels).data).digest()
        return cls(image.name, image.embedding, differences(image, pack), digest)


def compare_images(first: SeenImage, second: SeenImage, pack: ThresholdPack | None) -> Comparison:
    """Compares two images.

    Args:
      first: an image.
      second: another one.
      pack: of the model that embedded both; None for a model without thresholds.
    """
    return compare_known(KnownImage.of(first, pack), KnownImage.of(second, pack), pack)


def compare_known(first: KnownImage, second: KnownImage, pack: ThresholdPack | None) -> Comparison:
    """The same, of what is kept of both."""
    unlike = {image.name: image.differences for image in (first, second)}
    return Comparison(
        distance=distance_between(
            first.embedding, second.embedding, pack.distance if pack else DEFAULT_DISTANCE
        ),
        unlike={name: reasons for name, reasons in unlike.items() if reasons},
        is_one_image=first.pixels_sha256 == second.pixels_sha256,
    )


def differences(image: SeenImage, pack: ThresholdPack | None) -> list[str]:
    """How an image differs from those that a model was measured on; empty where it does not."""
    reasons = list(image.unprepared)
    if pack and pack.measured_sizes:
        reasons += pack.measured_sizes.unlike(image.height, image.width)
    if pack and pack.measured_images:
        reasons += pack.measured_images.unlike(image.pixels)
    return reasons

"""What goes into a gallery, and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from biometrics.thresholds.pack import ThresholdPack


class EnrollableImage(Protocol):
    """An image as a model sees it; `serving.comparison.SeenImage` is one."""

    @property
    def name(self) -> str:
        """What to call it, such as its path."""

    @property
    def height(self) -> int:
        """In pixels, before it was resized for the model."""

    @property
    def width(self) -> int:
        """The same."""

    @property
    def pixels(self) -> np.ndarray:
        """What the network sees, uint8 [H, W, C]."""

    @property
    def embedding(self) -> np.ndarray:
        """float32 [D], L2-normalised."""

    @property
    def unprepared(self) -> tuple[str, ...]:
        """What was done to the images that the model was trained on, and not to this one."""

    @property
    def landmarks(self) -> Sequence[float] | None:
        """Ten numbers, x and y in pixels of the image; None where it was taken whole."""


@dataclass(frozen=True)
class ModelIdentity:
    """The model whose embeddings a gallery holds.

    Attributes:
      pack: its thresholds, which name it by the digest of its files.
      dimensions: of its embeddings.
      input_shape: height, width and channels of what the network sees.
      preparation: what its images go through, in words; see `PreparedImages.description`.
    """

    pack: ThresholdPack
    dimensions: int
    input_shape: tuple[int, int, int]
    preparation: str

    @property
    def sha256(self) -> str:
        """The digest of its thresholds, which hold that of its files."""
        return self.pack.sha256

    @property
    def short(self) -> str:
        """The first digits of it, as a run prints them when it pushes the model."""
        return short_digest(self.pack)


def short_digest(pack: ThresholdPack) -> str:
    """The first digits of the digest of thresholds, by which messages name a model."""
    return pack.sha256[:12]


@dataclass(frozen=True)
class Enrolled:
    """An image that is in the gallery from now on, whatever becomes of this process.

    Attributes:
      person: whose it is.
      image: its name.
      remarks: what the rules would have refused it for, had they not been told to allow it; and
        what they could not check.
    """

    person: str
    image: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """An image that is not enrolled.

    Attributes:
      person: whose it was to be.
      image: its name.
      reasons: name of the rule, one of `policy.REASONS` -> what is wrong, in words.
    """

    person: str
    image: str
    reasons: dict[str, str]


@dataclass(frozen=True)
class Candidate:
    """Somebody whom a search has found.

    Attributes:
      person: who.
      image: the name of the nearest of their images, or of this one.
      distance: to it, by the distance of the model's thresholds.
    """

    person: str
    image: str
    distance: float


@dataclass(frozen=True)
class Answer:
    """Who a face is.

    Attributes:
      person: who; None: nobody who is enrolled.
      image: the name of the nearest image; None where nobody is enrolled.
      distance: of the nearest image, whether it is near enough or not; None likewise.
      threshold: somebody at this distance or nearer is the answer.
      point: the name of the operating point that it is of, such as `FAR=1e-03`.
      fpir: that somebody who is not enrolled gets a name has at most this probability; see `rates`.
      log_lr: the natural log-likelihood ratio of the nearest image for one person against two; None
        where the model has no calibration, or nobody is enrolled.
    """

    person: str | None
    image: str | None
    distance: float | None
    threshold: float
    point: str
    fpir: float
    log_lr: float | None


@dataclass(frozen=True)
class Person:
    """Somebody who is enrolled.

    Attributes:
      name: as it was given.
      images: how many are kept.
      searchable: how many of them the model that serves has an embedding of; fewer than `images`
        where an upgrade could not embed some of them.
    """

    name: str
    images: int
    searchable: int

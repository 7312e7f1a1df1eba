"""Where faces are in images whose source does not say it: a part of the first pass.

A few images are looked at together, as many as fit into some memory once they are decoded.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, TypeVar

import numpy as np
import tensorflow as tf

from components.image_config import DetectionConfig
from faces.detection import Face, NoFaceError, choose_face, face_in_box, find_detector
from faces.images.align import require_face
from faces.images.decode import decode_image
from faces.images.encode import EncodedImage
from faces.images.formats import BadImageError
from faces.record import Record

DETECTION_FILE_NAME = "detection.json"

# Of images that are looked at together, 25 MB in colour; a larger one is looked at alone.
_GROUP_PIXELS = 2**23


@dataclass(frozen=True, slots=True)
class Location:
    """Where the face is in an image, as an Example says it: tuples are empty where nobody knows.

    Attributes:
      landmarks: see `Record`.
      box: see `Record`.
      score: of the detector, one number, where the landmarks are its own.
      found: how many faces it found that may be the person's; None where it was not asked.
      reason: why the image cannot be used; empty where it can.
    """

    landmarks: tuple[float, ...] = ()
    box: tuple[float, ...] = ()
    score: tuple[float, ...] = ()
    found: int | None = None
    reason: str = ""


class _OfRecord(Protocol):
    """What is known of an image."""

    @property
    def record(self) -> Record: ...


_Known = TypeVar("_Known", bound=_OfRecord)
_Item = tuple[_Known, EncodedImage | None]


def located(
    images: Iterable[_Item[_Known]], config: DetectionConfig
) -> Iterator[tuple[_Known, EncodedImage | None, Location]]:
    """Says of each image where its face is, and leaves out those that are refused for it.

    Args:
      images: (what is known, the image or None where it cannot be used).
      config: the detector is asked for images whose records have no landmarks.

    Yields:
      In their order: what is known, the image, or None where it cannot be used, and its location.
    """
    if not config.is_on():
        for known, image in images:
            yield known, image, _own_location(known.record)
        return
    for group in _groups(images):
        asked = {
            number: (known.record, image)
            for number, (known, image) in enumerate(group)
            if image is not None and known.record.landmarks is None
        }
        answers = dict(zip(asked, _find(list(asked.values()), config), strict=True))
        for number, (known, image) in enumerate(group):
            where = answers.get(number) or _own_location(known.record)
            yield known, None if where.reason else image, where


def _groups(images: Iterable[_Item[_Known]]) -> Iterator[list[_Item[_Known]]]:
    """Images that together have about `_GROUP_PIXELS`."""
    group: list[_Item[_Known]] = []
    pixels = 0
    for known, image in images:
        group.append((known, image))
        pixels += image.height * image.width if image else 0
        if pixels >= _GROUP_PIXELS:
            yield group
            group, pixels = [], 0
    if group:
        yield group


def _own_location(record: Record) -> Location:
    """What the source says."""
    return Location(record.landmarks or (), record.box or ())


def _find(asked: Sequence[tuple[Record, EncodedImage]], config: DetectionConfig) -> list[Location]:
    """What the detector says of images."""
    if not asked:
        return []
    pixels = [_pixels(image) for _, image in asked]
    faces = find_detector(config.detector).detect(pixels)
    return [
        _location(record, image, found, config)
        for (record, image), found in zip(asked, faces, strict=True)
    ]


def _pixels(image: EncodedImage) -> np.ndarray:
    """uint8 [height, width, 3], as a viewer shows it; grey has three equal channels."""
    return decode_image(tf.constant(image.encoded), channels=3).numpy()


def _location(
    record: Record, image: EncodedImage, faces: Sequence[Face], config: DetectionConfig
) -> Location:
    """The face that is meant, or what becomes of the image without one."""
    try:
        if record.box is not None:
            face, found = face_in_box(faces, record.box), 1
        else:
            face = choose_face(faces, image.height, image.width, config.faces)
            found = len(faces)
        require_face(face.landmarks, image.height, image.width)
    except NoFaceError as error:
        reason = "" if config.no_face == "resize" else str(error)
        return Location(box=record.box or (), found=0, reason=reason)
    except BadImageError as error:
        return Location(found=len(faces), reason=str(error))
    return Location(face.landmarks, record.box or face.box, (face.score,), found)


class _Checked(_OfRecord, Protocol):
    """See `checking.CheckedImage`."""

    @property
    def found(self) -> int | None: ...


@dataclass(frozen=True)
class Detection:
    """What a detector found in a source.

    Attributes:
      detector: its name, or "off".
      faces: what was to be done with several faces.
      no_face: what was to be done without one.
      asked: of how many images it was asked.
      without: how many of these have no face.
      several: how many of these have more than one.
      first_without: the first key of `without`; empty where there is none.
      first_of_several: the first key of `several`; likewise.
    """

    detector: str
    faces: str
    no_face: str
    asked: int
    without: int
    several: int
    first_without: str
    first_of_several: str

    @classmethod
    def of(cls, images: Iterable[_Checked], config: DetectionConfig) -> "Detection":
        """Counts, over all images of a source."""
        asked = [image for image in images if image.found is not None]
        without = sorted(image.record.key for image in asked if image.found == 0)
        several = sorted(image.record.key for image in asked if (image.found or 0) > 1)
        return cls(
            **config.model_dump(),
            asked=len(asked),
            without=len(without),
            several=len(several),
            first_without=without[0] if without else "",
            first_of_several=several[0] if several else "",
        )

    def to_json(self) -> str:
        """The content of `detection.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def remarks(self) -> list[str]:
        """What whoever runs it should know, a sentence each."""
        if self.detector == "off":
            return []
        lines = [f"{self.detector} looked for faces in {self.asked} images"]
        if self.without:
            lines.append(
                f"no face was found in {self.without} of them, such as {self.first_without!r}; "
                + _WITHOUT[self.no_face]
            )
        if self.several:
            lines.append(
                f"several faces were found in {self.several} of them, such as "
                f"{self.first_of_several!r}; {_SEVERAL[self.faces]} (image.faces)"
            )
        return lines


_WITHOUT = {
    "quarantine": "they are not used (image.no_face: resize uses them as they are)",
    "resize": "they are used as they are (image.no_face)",
}
_SEVERAL = {
    "quarantine": "they are not used",
    "largest": "the largest is used",
    "centre": "the one nearest the middle is used",
}

"""Where faces are in images whose source does not say it: the source's word, or a detector's.

A few images are looked at together, as many as fit into some memory once they are decoded.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import tensorflow as tf

from faces.detection import Face, NoFaceError, choose_face, face_in_box, find_detector
from faces.images.align import require_face
from faces.images.decode import decode_image
from faces.images.encode import EncodedImage
from faces.images.formats import BadImageError
from faces.record import Record

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


class Rules(Protocol):
    """By which faces are looked for, as `components.image_config` describes them."""

    @property
    def detector(self) -> str:
        """Name of a detector, or "off"."""
        ...

    @property
    def faces(self) -> str:
        """Which of several faces is meant, one of `POLICIES`."""
        ...

    @property
    def no_face(self) -> str:
        """What becomes of an image without one: "quarantine" or "resize"."""
        ...


class _OfRecord(Protocol):
    """What is known of an image."""

    @property
    def record(self) -> Record: ...


_Known = TypeVar("_Known", bound=_OfRecord)
_Item = tuple[_Known, EncodedImage | None]


def located(
    images: Iterable[_Item[_Known]], rules: Rules
) -> Iterator[tuple[_Known, EncodedImage | None, Location]]:
    """Says of each image where its face is, and leaves out those that are refused for it.

    Args:
      images: (what is known, the image or None where it cannot be used).
      rules: the detector is asked for images whose records have no landmarks.

    Yields:
      In their order: what is known, the image, or None where it cannot be used, and its location.
    """
    if rules.detector == "off":
        for known, image in images:
            yield known, image, _own_location(known.record)
        return
    for group in _groups(images):
        asked = {
            number: (known.record, image)
            for number, (known, image) in enumerate(group)
            if image is not None and known.record.landmarks is None
        }
        answers = dict(zip(asked, _find(list(asked.values()), rules), strict=True))
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


def _find(asked: Sequence[tuple[Record, EncodedImage]], rules: Rules) -> list[Location]:
    """What the detector says of images."""
    if not asked:
        return []
    pixels = [_pixels(image) for _, image in asked]
    faces = find_detector(rules.detector).detect(pixels)
    return [
        _location(record, image, found, rules)
        for (record, image), found in zip(asked, faces, strict=True)
    ]


def _pixels(image: EncodedImage) -> np.ndarray:
    """uint8 [height, width, 3], as a viewer shows it; grey has three equal channels."""
    return decode_image(tf.constant(image.encoded), channels=3).numpy()


def _location(record: Record, image: EncodedImage, faces: Sequence[Face], rules: Rules) -> Location:
    """The face that is meant, or what becomes of the image without one."""
    try:
        if record.box is not None:
            face, found = face_in_box(faces, record.box), 1
        else:
            face = choose_face(faces, image.height, image.width, rules.faces)
            found = len(faces)
        require_face(face.landmarks, image.height, image.width)
    except NoFaceError as error:
        reason = "" if rules.no_face == "resize" else str(error)
        return Location(box=record.box or (), found=0, reason=reason)
    except BadImageError as error:
        return Location(found=len(faces), reason=str(error))
    return Location(face.landmarks, record.box or face.box, (face.score,), found)

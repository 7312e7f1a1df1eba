"""What is known of an image once it was read, by the step on Beam or in Python alone."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from faces.content import UnreadableError, content_mark
from faces.detection.location import Location
from faces.images.encode import EncodedImage, encode_record
from faces.images.formats import BadImageError
from faces.reasons import BAD_NAME, NO_FACE
from faces.record import Record


class Place(NamedTuple):
    """Where a serialized tf.train.Example was spilled to.

    Attributes:
      chunk: the number of the file.
      offset: in that file, in bytes.
      length: in bytes.
    """

    chunk: int
    offset: int
    length: int


NOWHERE = Place(chunk=0, offset=0, length=0)


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """What is known of an image once it was read.

    Attributes:
      record: of the image.
      reason: why it cannot be used; empty where it can.
      place: of its example; of no length where it cannot be used.
      pixels_sha256: of its `EncodedImage`.
      is_flat: of its `EncodedImage`.
      found: how many faces a detector found in it; None where none was asked.
      phash: of its `EncodedImage`.
      category: which of `faces.reasons` the reason is; empty where nobody said it.
    """

    record: Record
    reason: str = ""
    place: Place = NOWHERE
    pixels_sha256: str = ""
    is_flat: bool = False
    found: int | None = None
    phash: int = 0
    category: str = ""


class Marked(NamedTuple):
    """What is known of an image, and the mark of its content, see `content.fingerprint_of`."""

    mark: str
    image: CheckedImage

    @property
    def record(self) -> Record:
        """See `detection.location.located`."""
        return self.image.record


class ReadsImages(Protocol):
    """What a `Source` does of itself once it was listed."""

    def read(self, record: Record) -> bytes:
        """See `Source.read`."""
        ...


def check_image(
    source: ReadsImages, record: Record, max_pixels: int, channels: int
) -> tuple[Marked, EncodedImage | None]:
    """Reads an image, before anybody is asked where its face is; what of it can be used.

    Args:
      source: of the image.
      record: of the image.
      max_pixels: see `images.encode_image`.
      channels: see `images.encode_image`.
    """
    try:
        data = source.read(record)
    except UnreadableError as error:
        why = str(error)
        return Marked(why, CheckedImage(record, why, category=error.reason)), None
    mark = content_mark(data)
    try:
        image = _encode(record, data, max_pixels, channels)
    except BadImageError as error:
        return Marked(mark, CheckedImage(record, str(error), category=error.reason)), None
    checked = CheckedImage(
        record,
        pixels_sha256=image.pixels_sha256,
        is_flat=image.is_flat,
        phash=image.phash,
    )
    return Marked(mark, checked), image


def judged(image: CheckedImage, where: Location) -> CheckedImage:
    """With what is known of its face; nothing is asked of that where the image cannot be used."""
    if where.reason and not image.reason:
        image = replace(image, reason=where.reason, category=NO_FACE)
    return replace(image, found=where.found)


def _encode(record: Record, data: bytes, max_pixels: int, channels: int) -> EncodedImage:
    try:
        record.key.encode("utf-8")
    except UnicodeEncodeError:
        raise BadImageError("file name is not UTF-8", BAD_NAME) from None
    return encode_record(record, data, max_pixels, channels)

"""The image source: `train.rec`, `train.idx` and `property`, as MS1MV3 and Glint360K come."""

import functools
import os
import re
import threading
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from faces.content import StoreError, UnreadableError, fingerprint_by_reading
from faces.record import Listing, Record
from faces.sources.once import once
from faces.sources.ranges import opened, version_of_object
from faces.sources.record_file import (
    MAGIC,
    MAX_LABEL,
    ImageRecord,
    Index,
    RecordFile,
    plain_labels,
    read_index,
)
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url, resolved

# Of a key's text: a fixed number, so that no key changes when a file grows.
KEY_DIGITS = 10
MAX_KEY = 10**KEY_DIGITS - 1
MAX_CLASSES = MAX_LABEL + 1

_PROPERTY = re.compile(r"[0-9]{1,9}(,[0-9]{1,9}){2}")
_MAX_PROPERTY_BYTES = 100

# Whose a record is that is too damaged to say it.
UNKNOWN = "unknown"

_open_lock = threading.Lock()


@dataclass(frozen=True)
class RecordIOSource:
    """Images in one file of MXNet's RecordIO; a `record.Source`.

    The key of an image is its number in the index, with zeros before it; its label, a whole
    number, is the identity.

    Beside `<stem>.rec` stands the index, `<stem>.idx`, and there may be a file `property`, of
    "people,height,width": labels must be below that number of people, and those of them who have
    no image are listed as such. The height and the width are not looked at: each image says its
    own.

    Attributes:
      location: the .rec file.
    """

    location: Location

    def list(self) -> Listing:
        """See `list_records`; within `once.listed_once`, the records are looked at once."""
        here = (RecordIOSource, resolved(self.location))
        return once(here, lambda: list_records(self.location))

    def read(self, record: Record) -> bytes:
        """The encoded image.

        Raises:
          UnreadableError: see `RecordFile.image_record`; or it is not in the index, or has no
            image.
          StoreError: the file is on a store, and cannot be read.
        """
        try:
            file, index = _opened(self.location)
        except OSError as error:
            if isinstance(self.location, Url):  # where it was listed, and no image is to blame
                raise StoreError(f"cannot read {str(self.location)!r}: {error.strerror}") from None
            raise UnreadableError(f"cannot be read: {error.strerror}") from None
        except StoreError:
            raise
        except UserError as error:
            raise UnreadableError(str(error)) from None
        found = file.image_record(_offset_of(index, record.key))
        _require_image(found)
        return found.image

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every image is read, in the order of their keys.

        That is the order in which they stand in a file that was written with its index.
        """
        return fingerprint_by_reading(self.list(), self.read)


def list_records(location: Location) -> Listing:
    """Lists the images of a .rec file by its index; of each, only the first bytes are read.

    The files that insightface hands round begin with a header, record 0, which says that the images
    are the records from 1 up to a number; behind them stand records of the people, without images,
    which are left out. In a file without such a header, all records are images.

    Raises:
      UserError: the file, its index or `property` cannot be read; the index or `property` is of
        another file; no record is an image.
    """
    _object_version.cache_clear()
    try:
        file, index = _opened(location)
        labels = _plain_labels(location, file, index)
        records, refused = _list(file, index, labels, _span_of(location, file, index))
    except OSError as error:
        raise UserError(f"cannot read {str(location)!r}: {error.strerror}") from None
    if not records:
        raise UserError(
            f"no images in {str(location)!r}"
            + "".join(f"; {remark}" for remark in Listing([], refused, []).remarks())
        )
    people = {record.identity for record in (*records, *refused)} - {UNKNOWN}
    return Listing(records, refused, _without_images(location.with_name("property"), people))


def key_of(number: int) -> str:
    """The key of a record, by its number in the index."""
    return f"{number:0{KEY_DIGITS}d}"


@dataclass(frozen=True)
class _Span:
    """Which records are images.

    Attributes:
      first: the first key of an image.
      end: the key behind the last, as the header says.
      doubt: by how much `end` may be wrong: it is a float32 in the file.
    """

    first: int = 0
    end: float = np.inf
    doubt: int = 0

    def may_be_else(self, key: int) -> bool:
        """Whether a record need not be an image."""
        return key < self.first or key >= self.end - self.doubt

    def is_behind(self, key: int) -> bool:
        """Whether an image there is one too many."""
        return key >= self.end + self.doubt


def _list(
    file: RecordFile, index: Index, labels: np.ndarray, span: _Span
) -> tuple[list[Record], dict[Record, str]]:
    """The images, and what is refused, by ascending key."""
    records: list[Record] = []
    refused: dict[Record, str] = {}
    names: dict[int, str] = {}  # one text in memory for all records of a person
    first_keys = _first_keys(index)
    for key, offset, plain_label in zip(
        index.keys.tolist(), index.offsets.tolist(), labels.tolist(), strict=True
    ):
        identity = UNKNOWN
        try:
            found = None if plain_label >= 0 else file.image_record(offset)
            if found and not found.image and span.may_be_else(key):
                continue
            label = _identity_label(found) if found else plain_label
            identity = names.setdefault(label, str(label))
            if span.is_behind(key):
                raise UnreadableError(f"behind the images, which the header ends at {span.end:g}")
            if key in first_keys:
                raise UnreadableError(f"the same record as {key_of(first_keys[key])}")
        except UnreadableError as error:
            refused[Record(key_of(key), identity)] = str(error)
        else:
            records.append(Record(key_of(key), identity))
    return records, refused


def _identity_label(record: ImageRecord) -> int:
    _require_image(record)
    if not (0 <= record.label <= MAX_LABEL and record.label.is_integer()):
        raise UnreadableError(f"the label {record.label:g} is no whole number from 0 to 2^24")
    return int(record.label)


def _require_image(record: ImageRecord) -> None:
    if not record.image:
        raise UnreadableError("a record without an image")


def _first_keys(index: Index) -> dict[int, int]:
    """Of records that have several keys, the first, by each of the others."""
    order = np.argsort(index.offsets, kind="stable")
    keys, offsets = index.keys[order], index.offsets[order]
    again = np.flatnonzero(offsets[1:] == offsets[:-1]) + 1
    first = np.searchsorted(offsets, offsets[again])
    return dict(zip(keys[again].tolist(), keys[first].tolist(), strict=True))


def _plain_labels(location: Location, file: RecordFile, index: Index) -> np.ndarray:
    """See `record_file.plain_labels`.

    Raises:
      UserError: the index is of another file.
    """
    outside = index.offsets >= file.size
    if outside.any():
        place = int(np.argmax(outside))
        raise _disagreement(location, file, index, place, f"where only {file.size} bytes are")
    labels = np.empty(len(index.keys), np.int64)
    strange = np.empty(len(index.keys), bool)
    end = 0
    for heads in file.heads(index.offsets):
        start, end = end, end + len(heads)
        labels[start:end] = plain_labels(heads, index.offsets[start:end], file.size)
        strange[start:end] = heads["magic"] != MAGIC
    if 2 * np.count_nonzero(strange) > len(strange):
        place = int(np.argmax(strange))
        raise _disagreement(location, file, index, place, "where no record begins, as for most")
    return labels


def _disagreement(
    location: Location, file: RecordFile, index: Index, place: int, why: str
) -> UserError:
    if not file.begins_with_a_record():
        return UserError(
            f"{str(location)!r} is no RecordIO file: it does not begin with the magic number"
        )
    return UserError(
        f"{str(_index_path(location))!r} is not the index of {location.name!r}: line "
        f"{index.lines[place]} puts record {index.keys[place]} at byte {index.offsets[place]}, "
        + why
    )


def _span_of(location: Location, file: RecordFile, index: Index) -> _Span:
    """By the header, where there is one.

    Raises:
      UserError: the header cannot be true, or images that it counts are not in the index.
    """
    if index.keys[0] != 0:
        return _Span()
    try:
        header = file.image_record(int(index.offsets[0]))
    except UnreadableError:
        return _Span()
    if header.labels != 2 or header.image:
        return _Span()
    end = header.label
    if not (1 < end <= MAX_KEY and end.is_integer()):
        raise UserError(f"the header of {str(location)!r} ends its images at {end:g}")
    # Odd numbers above 2^24 are no float32: the header's is one of the two beside it.
    span = _Span(1, end, int(np.spacing(np.float32(end)) / 2))
    _require_keys(location, index, int(end) - span.doubt)
    return span


def _require_keys(location: Location, index: Index, end: int) -> None:
    """All keys from 1 to below `end` must be in the index."""
    keys = index.keys[1:end]
    wrong = np.flatnonzero(keys != np.arange(1, len(keys) + 1))
    if wrong.size or len(keys) < end - 1:
        missing = int(wrong[0]) + 1 if wrong.size else len(keys) + 1
        raise UserError(
            f"{str(_index_path(location))!r} does not have record {missing}; the header of "
            f"{location.name!r} counts images up to {end - 1}"
        )


def _without_images(path: Location, people: set[str]) -> list[str]:
    """The people whom `property` counts and who have no record, sorted.

    Raises:
      UserError: it cannot be read, or is of another file.
    """
    try:
        with opened(path, _MAX_PROPERTY_BYTES) as file:
            text = file.read(_MAX_PROPERTY_BYTES).decode(errors="backslashreplace").strip()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from None
    classes = text.partition(",")[0]
    if not _PROPERTY.fullmatch(text) or int(classes) > MAX_CLASSES:
        raise UserError(f"{str(path)!r} holds {text!r}, not 'people,height,width'")
    highest = max(people, key=int, default="0")
    if int(highest) >= int(classes):
        raise UserError(
            f"{str(path)!r} counts {classes} people, so that the highest label is "
            f"{int(classes) - 1}, but there is a record with the label {highest}: is it of another "
            "file?"
        )
    return sorted({str(label) for label in range(int(classes))} - people)


def _index_path(location: Location) -> Location:
    return location.with_suffix(".idx")


def _opened(location: Location) -> tuple[RecordFile, Index]:
    """The file and its index, which this process keeps until one of them changes.

    Raises:
      OSError: the file of records cannot be opened.
      UserError: it is empty, or the index cannot be read.
    """
    file = _version_of(location)
    try:
        index = _version_of(_index_path(location))
    except FileNotFoundError:
        raise UserError(
            f"no index {str(_index_path(location))!r} beside {location.name!r}"
        ) from None
    with _open_lock:
        return _open(location, file, index)


def _version_of(path: Location) -> tuple[Hashable, ...]:
    if isinstance(path, Url):
        return _object_version(path)
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=8)
def _object_version(url: Url) -> tuple[Hashable, ...]:
    """Kept until the source is listed again: to ask costs as much as to read an image."""
    return version_of_object(url)


@functools.lru_cache(maxsize=2)
def _open(location: Location, *_: tuple[Hashable, ...]) -> tuple[RecordFile, Index]:
    """See `_opened`; the versions tell apart what was the same file once."""
    file = RecordFile(location)
    if not file.size:
        raise UserError(f"{str(location)!r} is empty")
    index = read_index(_index_path(location))
    if not index.keys.size:
        raise UserError(f"the index {str(_index_path(location))!r} is empty")
    if index.keys[-1] > MAX_KEY:
        raise UserError(
            f"{str(_index_path(location))!r}, line {index.lines[-1]}: the key {index.keys[-1]} is "
            f"above {MAX_KEY}"
        )
    return file, index


def _offset_of(index: Index, key: str) -> int:
    """Where the record of a key begins."""
    if key.isdecimal() and len(key) == KEY_DIGITS:
        place = int(np.searchsorted(index.keys, int(key)))
        if place < len(index.keys) and index.keys[place] == int(key):
            return int(index.offsets[place])
    raise UnreadableError(f"No such record in the index: {key!r}")

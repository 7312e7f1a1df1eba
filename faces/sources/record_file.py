"""The RecordIO format of MXNet: a file of records, and the text file that says where each begins.

A record is one part, or several. A part is the magic number, a word that holds the kind of part
(3 bits) and the length of its data (29 bits), the data, and zeros up to a multiple of 4 bytes; all
numbers are little-endian. A writer that finds the magic number in the data, at a multiple of 4
bytes, leaves it out and begins a new part there, so that every magic number in a file begins a
part unless it lies across words.

The data of an image's record is a header (how many labels follow it, one label, two numbers that
are an id), the labels that follow, float32, and the encoded image.

Source: dmlc-core, `src/recordio.cc`; MXNet, `python/mxnet/recordio.py`.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from faces.content import MAX_FILE_BYTES, UnreadableError
from faces.sources.ranges import open_ranges, opened
from groundfloor.errors import UserError
from groundfloor.paths import Location

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
LENGTH_BITS = 29
WHOLE, START, MIDDLE, END = range(4)
PART = struct.Struct("<II")
IMAGE_HEADER = struct.Struct("<IfQQ")
LABEL = struct.Struct("<f")

# Labels are float32: above it, one number stands for several people.
MAX_LABEL = 2**24

# What stands at the beginning of a record that is one part.
_HEAD = np.dtype(
    [
        ("magic", "<u4"),
        ("word", "<u4"),
        ("labels", "<u4"),
        ("label", "<f4"),
        ("ids", "<u8", 2),
        ("first_label", "<f4"),
    ]
)
_HEADS_AT_ONCE = 65_536
_MAX_LINE_BYTES = 64
_MAX_DIGITS = 18  # fewer than overflow int64


@dataclass(frozen=True)
class Index:
    """Where records begin.

    Attributes:
      keys: int64 [N], ascending, none twice.
      offsets: int64 [N], in bytes from the beginning of the file of records.
      lines: int64 [N], of the index's file, from 1.
    """

    keys: np.ndarray
    offsets: np.ndarray
    lines: np.ndarray


def read_index(path: Location) -> Index:
    """Reads the lines "key<tab>offset".

    Raises:
      UserError: it cannot be read, a line is something else, or a key is there twice.
    """
    numbers = np.fromiter(_index_numbers(path), np.dtype((np.int64, 2)))
    order = np.argsort(numbers[:, 0], kind="stable")
    keys = numbers[order, 0]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if twice.size:
        first, second = order[twice[0]] + 1, order[twice[0] + 1] + 1
        raise UserError(
            f"{str(path)!r}, line {second}: the key {keys[twice[0]]} is in line {first} already"
        )
    return Index(keys, numbers[order, 1], order + 1)


def _index_numbers(path: Location) -> Iterator[tuple[int, int]]:
    try:
        with opened(path) as file:
            lines = iter(lambda: file.readline(_MAX_LINE_BYTES), b"")
            for number, line in enumerate(lines, start=1):
                fields = line.split()
                if len(fields) != 2 or not all(_is_number(field) for field in fields):
                    shown = line.decode(errors="backslashreplace").rstrip("\n")
                    raise UserError(
                        f"{str(path)!r}, line {number}: {shown!r} is not 'key<tab>offset', two "
                        "whole numbers"
                    )
                yield int(fields[0]), int(fields[1])
    except OSError as error:
        raise UserError(f"cannot read the index {str(path)!r}: {error.strerror}") from None


def _is_number(field: bytes) -> bool:
    return field.isdigit() and len(field) <= _MAX_DIGITS


@dataclass(frozen=True)
class ImageRecord:
    """What the record of an image holds.

    Attributes:
      labels: how many follow the header; without any, its own label counts.
      label: the first of them, or that of the header.
      data: the labels that follow, if any, and the image.
    """

    labels: int
    label: float
    data: bytes

    @property
    def image(self) -> bytes:
        """The encoded image; nothing in a record of something else."""
        return self.data[LABEL.size * self.labels :]

    def label_at(self, place: int) -> float:
        """One of the labels that follow the header."""
        return LABEL.unpack_from(self.data, LABEL.size * place)[0]


class RecordFile:
    """A file of records that is open, or an object; many threads may read it at once.

    It is closed when nothing refers to it any more.
    """

    def __init__(self, path: Location):
        """Opens the file.

        Raises:
          OSError: it cannot be opened.
          UserError: it is no regular file.
        """
        self._ranges = open_ranges(path)
        self._read_at = self._ranges.read_at
        self.size = self._ranges.size

    def begins_with_a_record(self) -> bool:
        """Whether it can be a file of records at all."""
        return self._read_at(len(MAGIC_BYTES), 0) == MAGIC_BYTES

    def heads(self, offsets: np.ndarray) -> Iterator[np.ndarray]:
        """What stands at the offsets, as if each began a record of one part.

        Yields:
          [n] of `_HEAD`, for as many offsets, in their order; zeros where the file ends.
        """
        for start in range(0, len(offsets), _HEADS_AT_ONCE):
            some = offsets[start : start + _HEADS_AT_ONCE].tolist()
            found = self._ranges.each_at(_HEAD.itemsize, some)
            yield np.frombuffer(
                b"".join(head.ljust(_HEAD.itemsize, b"\0") for head in found), _HEAD
            )

    def image_record(self, offset: int) -> ImageRecord:
        """The record of an image that begins at an offset.

        Raises:
          UnreadableError: there is none, or it is damaged.
        """
        data = self.read(offset)
        if len(data) < IMAGE_HEADER.size:
            raise UnreadableError(f"a record of {len(data)} bytes, less than an image's header")
        labels, label, _, _ = IMAGE_HEADER.unpack_from(data)
        data = data[IMAGE_HEADER.size :]
        if len(data) < LABEL.size * labels:
            raise UnreadableError(f"a record that ends within its {labels} labels")
        return ImageRecord(labels, LABEL.unpack_from(data)[0] if labels else label, data)

    def read(self, offset: int) -> bytes:
        """The data of the record that begins at an offset, its parts joined.

        Raises:
          UnreadableError: no record begins there, it is damaged, or larger than
            `content.MAX_FILE_BYTES`.
        """
        parts: list[bytes] = []
        left = MAX_FILE_BYTES
        try:
            while True:
                kind, length = self._part_at(offset, (MIDDLE, END) if parts else (WHOLE, START))
                left -= length + len(MAGIC_BYTES)
                if left < 0:
                    raise UnreadableError(f"over the limit of {MAX_FILE_BYTES} bytes")
                parts.append(self._read_at(length, offset + PART.size))
                if kind in (WHOLE, END):
                    return MAGIC_BYTES.join(parts)
                offset += PART.size + length + -length % 4
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}") from None

    def _part_at(self, offset: int, expected: Sequence[int]) -> tuple[int, int]:
        """Kind and length of the part that begins at an offset."""
        head = self._read_at(PART.size, offset)
        if len(head) < PART.size:
            raise UnreadableError(f"the file ends at byte {self.size}, within the record")
        magic, word = PART.unpack(head)
        if magic != MAGIC:
            raise UnreadableError(f"no RecordIO magic number at byte {offset}")
        kind, length = word >> LENGTH_BITS, word & (1 << LENGTH_BITS) - 1
        if kind not in expected:
            raise UnreadableError(
                f"a part of kind {kind} at byte {offset}, where one of kind {expected[0]} or "
                f"{expected[1]} belongs"
            )
        if offset + PART.size + length > self.size:
            raise UnreadableError(f"the file ends at byte {self.size}, within the record")
        return kind, length


def plain_labels(heads: np.ndarray, offsets: np.ndarray, size: int) -> np.ndarray:
    """The labels of records that hold an image, in one part, and have a label that is an identity.

    Args:
      heads: [N], see `RecordFile.heads`.
      offsets: int64 [N], where they stand.
      size: of the file, in bytes.

    Returns:
      int64 [N]; -1 for a record that has to be looked at by itself.
    """
    length = (heads["word"] & (1 << LENGTH_BITS) - 1).astype(np.int64)
    before_image = IMAGE_HEADER.size + LABEL.size * heads["labels"].astype(np.int64)
    label = np.where(heads["labels"] > 0, heads["first_label"], heads["label"])
    plain = (
        (heads["magic"] == MAGIC)
        & (heads["word"] >> LENGTH_BITS == WHOLE)
        & (length > before_image)
        & (offsets + PART.size + length <= size)
        & (label >= 0)
        & (label <= MAX_LABEL)
        & (label == np.floor(label))
    )
    return np.where(plain, label, -1).astype(np.int64)

"""Sorting more records than the memory holds: sorted runs on disk, read back a range at a time.

Beam's in-process runner keeps in memory whatever goes from one of its stages to the next. So the
records themselves stay in files, and only where they lie travels.

ImageExampleGen, too, keeps records on disk between two passes (`example_gen/checking.py`), and
holds the place of each in memory, since only all of them together say which file one goes to. Here
that follows from a record's key: what was written at once is found by one range for each file, so
that memory does not grow with the number of records, at the price of sorting them.
"""

import struct
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tfx.dsl.io import fileio

_FRAME = struct.Struct("<II")


class Spilled(NamedTuple):
    """A record on its way to a shard.

    Attributes:
      shard: the file that it goes to at last.
      order: its place among the records of the shard, as a sort key.
      record: its bytes.
    """

    shard: int
    order: bytes
    record: bytes


@dataclass(frozen=True)
class Range:
    """Where some records of one shard lie, sorted: from one byte of a file to another."""

    path: str
    start: int
    end: int


def write_run(folder: str, records: Iterable[Spilled]) -> dict[int, Range]:
    """Writes records, sorted, into a new file of a folder; shard -> where its records are.

    The file has a name of its own, so that work that is tried again disturbs nobody.
    """
    path = f"{folder}/{uuid.uuid4().hex}"
    ranges: dict[int, Range] = {}
    position = 0
    with fileio.open(path, "wb") as file:
        for shard, order, record in sorted(records):
            frame = _FRAME.pack(len(order), len(record)) + order + record
            file.write(frame)
            start = ranges[shard].start if shard in ranges else position
            position += len(frame)
            ranges[shard] = Range(path, start, position)
    return ranges


def read_ranges(ranges: Iterable[Range]) -> list[bytes]:
    """The records in some ranges of one shard, in their order."""
    return [record for _, record in sorted(pair for range_ in ranges for pair in _pairs(range_))]


def _pairs(range_: Range) -> Iterator[tuple[bytes, bytes]]:
    """(order, record) of each record in a range."""
    with fileio.open(range_.path, "rb") as file:
        file.seek(range_.start)
        content = file.read(range_.end - range_.start)
    at = 0
    while at < len(content):
        order_size, record_size = _FRAME.unpack_from(content, at)
        middle = at + _FRAME.size + order_size
        at = middle + record_size
        yield content[middle - order_size : middle], content[middle:at]

"""The records of a source on their way to Beam's workers: a file, of which each reads its chunks.

The definition of a pipeline goes whole through one process, and to each worker: it has the number
of the chunks in it, and is as small for a million records as for ten.
"""

import json
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from tfx.dsl.io import fileio

from faces.record import Record

# A chunk of records a line, and where in it each line begins and the last one ends.
_LISTING, _STARTS = "listing.jsonl", "listing.starts"
_START = struct.Struct("<q")
_fields_of = attrgetter(*(field.name for field in fields(Record)))


def chunks_of(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    """The records in chunks of so many; the last may have fewer."""
    for start in range(0, len(records), size):
        yield records[start : start + size]


def write_listing(records: Sequence[Record], folder: str, size: int) -> int:
    """Writes all records into a folder that the workers see.

    As ASCII, which takes the surrogate escapes of a key that is not UTF-8.

    Args:
      records: of a source.
      folder: where no other listing is.
      size: records in a chunk.

    Returns:
      The number of chunks.
    """
    chunks = end = 0
    with (
        fileio.open(os.path.join(folder, _LISTING), "wb") as listing,
        fileio.open(os.path.join(folder, _STARTS), "wb") as starts,
    ):
        starts.write(_START.pack(end))
        for chunk in chunks_of(records, size):
            line = json.dumps([_fields_of(record) for record in chunk]).encode("ascii") + b"\n"
            listing.write(line)
            chunks, end = chunks + 1, end + len(line)
            starts.write(_START.pack(end))
    return chunks


def read_chunk(chunk: int, folder: str) -> list[Record]:
    """The records of a chunk, by its number."""
    with fileio.open(os.path.join(folder, _STARTS), "rb") as file:
        file.seek(chunk * _START.size)
        (start,), (end,) = _START.iter_unpack(file.read(2 * _START.size))
    with fileio.open(os.path.join(folder, _LISTING), "rb") as file:
        file.seek(start)
        return [_record(values) for values in json.loads(file.read(end - start))]


def _record(values: Sequence[Any]) -> Record:
    """From JSON, which has lists where a record has tuples."""
    key, identity, split, landmarks, box, columns = values
    return Record(
        key,
        identity,
        split,
        None if landmarks is None else tuple(landmarks),
        None if box is None else tuple(box),
        tuple((name, value) for name, value in columns),
    )

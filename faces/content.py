"""What the images of a source hold: read within bounds, and digested for the cache."""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

from faces.reasons import TOO_LARGE, UNREADABLE
from faces.record import Listing, Record
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url

# A file larger than this is not read at all.
MAX_FILE_BYTES = 512 * 2**20

_BLOCK_BYTES = 2**20
_RECORDS_PER_TASK = 256
# Reading waits for disks and servers, and both reading and hashing let other threads run.
_THREADS = min(16, 4 + (os.cpu_count() or 1))


class UnreadableError(Exception):
    """An image cannot be read; the message says why, the same each time it is tried.

    Attributes:
      reason: one of `faces.reasons`.
    """

    def __init__(self, detail: str, reason: str = UNREADABLE):
        super().__init__(detail)
        self.reason = reason


class StoreError(UserError):
    """A store of images cannot be used; no image is to blame, and none is quarantined for it."""


def read_file(path: Location, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Reads a regular file, or an object of a store, of at most `max_bytes`.

    Raises:
      UnreadableError: it cannot be read, is no regular file, or is larger than that.
      StoreError: see `remote.read_object`.
    """
    if isinstance(path, Url):
        # A third of a second: not for files of this machine.
        from faces import remote  # noqa: PLC0415

        return remote.read_object(path, max_bytes)
    return b"".join(_blocks(path, max_bytes))


def content_mark(data: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(data).hexdigest()


def marks_of(records: Sequence[Record], mark: Callable[[Record], str]) -> Iterator[str]:
    """The mark of each image, in their order; they are read in many threads.

    Args:
      records: of the images.
      mark: reads an image, and gives its `content_mark` or the message of its UnreadableError.
    """
    starts = range(0, len(records), _RECORDS_PER_TASK)
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = pool.map(
            lambda start: [mark(record) for record in records[start : start + _RECORDS_PER_TASK]],
            starts,
        )
        for part in parts:
            yield from part


def fingerprint_of(listing: Listing, marks: Iterable[str]) -> str:
    """A digest of all that is read of a source, and of what its remarks say is not.

    Of each image: all that its record says, and its content.

    Times and sizes are not trusted: two files of one size and time may have swapped their names.

    Args:
      listing: of the source.
      marks: of its records, in their order, see `marks_of`.
    """
    digest = hashlib.sha256()
    for record, mark in zip(listing.records, marks, strict=True):
        digest.update(json.dumps([*astuple(record), mark]).encode() + b"\n")
    refused = sorted((record.key, record.identity, why) for record, why in listing.refused.items())
    digest.update(json.dumps([refused, list(listing.empty), list(listing.unused)]).encode())
    return digest.hexdigest()


def fingerprint_by_reading(listing: Listing, read: Callable[[Record], bytes]) -> str:
    """See `fingerprint_of`; each image is read whole, which only a file's own marks can spare.

    Args:
      listing: of the source.
      read: see `record.Source`.
    """

    def mark(record: Record) -> str:
        try:
            return content_mark(read(record))
        except UnreadableError as error:
            return str(error)

    return fingerprint_of(listing, marks_of(listing.records, mark))


def mark_file(path: Location) -> str:
    """The `content_mark` of a file, or the message of its UnreadableError."""
    digest = hashlib.sha256()
    try:
        if isinstance(path, Url):
            return content_mark(read_file(path))
        for block in _blocks(path, MAX_FILE_BYTES):
            digest.update(block)
    except UnreadableError as error:
        return str(error)
    return digest.hexdigest()


def _blocks(path: Path, max_bytes: int) -> Iterator[bytes]:
    """The content of a regular file, a block at a time; a pipe or a device never blocks it."""
    try:
        _require_regular(os.stat(path))  # only to open a device may do something
        with open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            _require_regular(status)
            left = max_bytes
            if status.st_size <= left:
                # A file may grow while it is read, and those of /proc have no size to begin with.
                while left >= 0 and (block := file.read(_BLOCK_BYTES)):
                    left -= len(block)
                    yield block
            if left < 0 or status.st_size > max_bytes:
                raise UnreadableError(f"over the limit of {max_bytes} bytes", TOO_LARGE)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from None


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("not a regular file")


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)

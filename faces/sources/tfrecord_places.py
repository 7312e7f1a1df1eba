"""Where the records of several TFRecord files are, so that each can be read by itself."""

import functools
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np

from faces.content import UnreadableError
from faces.sources.tfrecord_file import framed, read_frame
from groundfloor.errors import UserError
from groundfloor.paths import Location


class Place(NamedTuple):
    """Where a record is.

    Attributes:
      file: its number among the files.
      number: its own in the file.
      offset: where it begins, in the file or, if that is in GZIP, in what was copied.
    """

    file: int
    number: int
    offset: int


class Places:
    """Where the images of some files are, by their keys; many threads may read at once.

    The records of files in GZIP, in which nobody can jump to a place, and of objects on a store,
    are copied one behind the other to a file without a name in the folder for temporary files,
    which goes with this object.

    Attributes:
      files: of the records.
      names: what each of them is called in keys.
      copied: the numbers of those whose records are copied.
    """

    def __init__(self, files: Sequence[Location], names: Sequence[str]):
        self.files = files
        self.names = names
        self.copied: set[int] = set()
        self._hashes = np.empty(0, np.uint64)
        self._places = np.empty((0, len(Place._fields)), np.int64)

    @functools.cached_property
    def _copies(self) -> BinaryIO:
        return tempfile.TemporaryFile()

    def copy(self, data: bytes) -> int:
        """Copies the data of a record; returns where it is.

        Raises:
          UserError: there is no room.
        """
        with _finding_room():
            offset = self._copies.tell()
            self._copies.write(framed(data))
        return offset

    def fill(self, places: Sequence[tuple[str, Place]]) -> None:
        """Takes in the keys of all images that are to be read, and where they are.

        Raises:
          UserError: there is no room for what was copied.
        """
        if self.copied:
            with _finding_room():
                self._copies.flush()
        hashes = np.fromiter((_hash_of(key) for key, _ in places), np.uint64, len(places))
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._places = np.array([place for _, place in places], np.int64)[order]

    def of(self, key: str) -> Iterator[Place]:
        """The places where the record of a key can be: hardly ever more than one."""
        key_hash = np.uint64(_hash_of(key))
        start, end = (np.searchsorted(self._hashes, key_hash, side) for side in ("left", "right"))
        for place in self._places[start:end].tolist():
            yield Place(*place)

    def read(self, place: Place) -> bytes:
        """The data of a record.

        Raises:
          UnreadableError: see `tfrecord_file.read_frame`.
        """
        if place.file in self.copied:
            return read_frame(self._copies.fileno(), place.offset)
        try:
            with open(str(self.files[place.file]), "rb", buffering=0) as file:
                return read_frame(file.fileno(), place.offset)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror}") from None


def _hash_of(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


@contextmanager
def _finding_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot copy records to the folder for temporary files: {error.strerror}; "
            "TMPDIR names another folder"
        ) from None

"""The TFRecord format: records one behind the other, each with checksums, and maybe all in GZIP.

A record is the length of its data, uint64, a checksum of these eight bytes, the data, and a
checksum of the data; all numbers are little-endian. A checksum is a CRC-32C, turned right by 15
bits, plus a constant. Nothing says how many records a file has, nor where each begins: to find one,
all before it are stepped over.

Source: TensorFlow, `tensorflow/core/lib/io/record_writer.h` and `lib/hash/crc32c.h`.
"""

import gzip
import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import google_crc32c

from faces.content import MAX_FILE_BYTES, UnreadableError
from faces.sources.ranges import streamed
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url

HEAD = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_MASK = 0xA282EAD8
_GZIP_BEGINS_WITH = b"\x1f\x8b"
_BLOCK_BYTES = 2**20

_WRONG_DATA = "its data is damaged: a wrong checksum"


class DamagedError(Exception):
    """A file is damaged so that nothing behind the place can be found; the message is how."""


class Frame(NamedTuple):
    """A record.

    Attributes:
      offset: where it begins, in bytes; in a file in GZIP, of what is unpacked.
      data: empty where there is a fault.
      fault: why it cannot be used; empty where it can.
    """

    offset: int
    data: bytes
    fault: str = ""


class Opened(NamedTuple):
    """A file of records from its beginning on.

    Attributes:
      stream: of the records, unpacked.
      is_packed: whether the file is in GZIP.
    """

    stream: BinaryIO
    is_packed: bool


def masked_crc(data: bytes) -> int:
    """The checksum of some bytes."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    """A record of some data, as it stands in a file."""
    length = _LENGTH.pack(len(data))
    return b"".join(
        [length, CHECKSUM.pack(masked_crc(length)), data, CHECKSUM.pack(masked_crc(data))]
    )


@contextmanager
def opened(location: Location) -> Iterator[Opened]:
    """Opens a file of records, plain or in GZIP, whatever its name.

    Raises:
      OSError: it cannot be opened.
      UserError: it is no regular file, or begins like neither.
      StoreError: see `ranges.streamed`.
    """
    with streamed(location) if isinstance(location, Url) else _opened_here(location) as file:
        start = file.peek(HEAD.size)[: HEAD.size]
        # The length of a plain record may begin as GZIP does; then its checksum is right.
        if not start or _is_head(start):
            yield Opened(file, is_packed=False)
        elif start.startswith(_GZIP_BEGINS_WITH):
            with gzip.open(file) as unpacked:
                yield Opened(unpacked, is_packed=True)  # type: ignore[arg-type]
        else:
            raise UserError(f"{str(location)!r} is no TFRecord file, neither plain nor in GZIP")


def _opened_here(path: Path) -> io.BufferedReader:
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise UserError(f"{str(path)!r} is a folder: name its files, by a pattern such as *.gz")
    if not stat.S_ISREG(mode):  # only to open a device may do something
        raise UserError(f"{str(path)!r} is not a regular file")
    return io.BufferedReader(io.FileIO(path), _BLOCK_BYTES)


def frames(stream: BinaryIO) -> Iterator[Frame]:
    """The records of a file in their order, those included whose data is damaged.

    Raises:
      DamagedError: of a record only a part is there, or where it ends is not known.
      OSError: it cannot be read.
    """
    offset = 0
    while head := _read(stream, HEAD.size):
        if len(head) < HEAD.size:
            raise DamagedError(_cut_off(offset))
        if not _is_head(head):
            raise DamagedError(f"at byte {offset} the length of a record has a wrong checksum")
        (length, _) = HEAD.unpack(head)
        yield _frame(stream, offset, length)
        offset += HEAD.size + length + CHECKSUM.size


def _frame(stream: BinaryIO, offset: int, length: int) -> Frame:
    """The record behind a head."""
    if length > MAX_FILE_BYTES:
        _skip(stream, length + CHECKSUM.size, offset)
        return Frame(offset, b"", f"over the limit of {MAX_FILE_BYTES} bytes")
    data, checksum = _read(stream, length), _read(stream, CHECKSUM.size)
    if len(checksum) < CHECKSUM.size:
        raise DamagedError(_cut_off(offset))
    if CHECKSUM.unpack(checksum)[0] != masked_crc(data):
        return Frame(offset, b"", _WRONG_DATA)
    return Frame(offset, data)


def read_frame(descriptor: int, offset: int) -> bytes:
    """The data of the record that begins at an offset of an open, plain file.

    Raises:
      UnreadableError: no record begins there, or it is damaged.
    """
    try:
        head = os.pread(descriptor, HEAD.size, offset)
        if not _is_head(head):
            raise UnreadableError(f"no record begins at byte {offset}")
        (length, _) = HEAD.unpack(head)
        body = os.pread(descriptor, length + CHECKSUM.size, offset + HEAD.size)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from None
    data, checksum = body[:length], body[length:]
    if checksum != CHECKSUM.pack(masked_crc(data)):
        raise UnreadableError(_WRONG_DATA)
    return data


def _is_head(head: bytes) -> bool:
    if len(head) < HEAD.size:
        return False
    return HEAD.unpack(head)[1] == masked_crc(head[: _LENGTH.size])


def _skip(stream: BinaryIO, length: int, offset: int) -> None:
    while length:
        block = _read(stream, min(length, _BLOCK_BYTES))
        if not block:
            raise DamagedError(_cut_off(offset))
        length -= len(block)


def _read(stream: BinaryIO, length: int) -> bytes:
    """So many bytes, or fewer where the file ends."""
    try:
        return stream.read(length)
    except EOFError:
        raise DamagedError("the GZIP stream ends before its end") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DamagedError(f"the GZIP stream is damaged: {error}") from None


def _cut_off(offset: int) -> str:
    return f"the file ends within the record that begins at byte {offset}"

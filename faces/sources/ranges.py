"""Bytes from the middle of a file, or of an object on a store.

What cannot be opened is an OSError here, whose `strerror` is the reason. What is wrong with the
store, or with an object that was opened, is a `content.StoreError`: all images are in that object.
"""

import errno
import io
import os
import stat
import threading
import weakref
from collections import deque
from collections.abc import Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

from faces.content import StoreError, UnreadableError
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# An index of 5.8 million images has 110 MB.
_MAX_WHOLE_BYTES = 8 * 2**30

# A request costs as much as some 100 kB do: what is read next is mostly what follows.
_AHEAD_BYTES = 256 * 2**10
_GROUP_BYTES = 8 * 2**20
_MAX_GAP = 256 * 2**10
_THREADS = 8
# Of a whole object: a block comes while another is used.
_BLOCKS_AHEAD = 3


class Ranges(Protocol):
    """Something with bytes in it; many threads may read it at once.

    Attributes:
      size: in bytes.
    """

    size: int

    def read_at(self, length: int, offset: int) -> bytes:
        """So many bytes from an offset on; fewer where it ends."""
        ...

    def each_at(self, length: int, offsets: Sequence[int]) -> Iterator[bytes]:
        """The same for many offsets, in their order."""
        ...


def open_ranges(location: Location) -> Ranges:
    """Opens a file or an object.

    Raises:
      OSError: it cannot be opened.
      UserError: it is no regular file.
    """
    return _RemoteRanges(location) if isinstance(location, Url) else _LocalRanges(location)


@contextmanager
def opened(location: Location, max_bytes: int = _MAX_WHOLE_BYTES) -> Iterator[BinaryIO]:
    """A file, or an object that is read whole, from its beginning on.

    Args:
      location: of it.
      max_bytes: of an object, above which it is not read.

    Raises:
      OSError: it cannot be read.
    """
    if isinstance(location, Url):
        from faces import remote  # noqa: PLC0415 - a third of a second, for stores alone

        with _as_os_error():
            content = remote.read_object(location, max_bytes)
        yield io.BytesIO(content)
        return
    with open(location, "rb") as file:
        yield file


@contextmanager
def streamed(url: Url) -> Iterator[io.BufferedReader]:
    """An object from its beginning to its end, of which some blocks are read ahead.

    Raises:
      OSError: it cannot be opened.
      StoreError: it cannot be read, or became another one meanwhile.
    """
    ranges = _RemoteRanges(url)
    with closing(ranges.blocks()) as blocks:
        try:
            yield io.BufferedReader(_Stream(blocks), _AHEAD_BYTES)
        except StoreError:
            raise
        except Exception:  # what was read may be of two objects
            ranges.require_same()
            raise
    ranges.require_same()


def version_of_object(url: Url) -> tuple[Hashable, ...]:
    """What tells an object from those that had its name before.

    Raises:
      OSError: it cannot be read.
    """
    from faces import remote  # noqa: PLC0415 - as above

    with _as_os_error():
        return remote.facts_of(url)


class _LocalRanges:
    def __init__(self, path: os.PathLike[str]):
        if not stat.S_ISREG(os.stat(path).st_mode):  # only to open a device may do something
            raise UserError(f"{str(path)!r} is not a regular file")
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def read_at(self, length: int, offset: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def each_at(self, length: int, offsets: Sequence[int]) -> Iterator[bytes]:
        descriptor = self._descriptor
        return (os.pread(descriptor, length, offset) for offset in offsets)


class _RemoteRanges:
    """Each thread keeps a little more than it was asked for, since its next wish lies behind."""

    def __init__(self, url: Url):
        from faces import remote  # noqa: PLC0415 - as above

        self._url = url
        self._read_range = remote.read_range
        self._ahead = threading.local()
        self._facts_of = remote.facts_of
        with _as_os_error():
            self._facts = remote.facts_of(url)
        self.size = self._facts.size

    def blocks(self) -> Generator[bytes, None, None]:
        """All that is there, in its order; some blocks are read while one is used."""
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(_BLOCKS_AHEAD) as pool:
            for start in range(0, self.size, _GROUP_BYTES):
                waiting.append(pool.submit(self._read, _GROUP_BYTES, start))
                if len(waiting) > _BLOCKS_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def require_same(self) -> None:
        """Sees that it is still the object that was opened.

        Raises:
          StoreError: it is not, or is not there any more.
        """
        try:
            same = self._facts_of(self._url) == self._facts
        except UnreadableError as error:
            raise StoreError(f"cannot read {str(self._url)!r}: {error}") from None
        if not same:
            raise StoreError(f"{str(self._url)!r} changed while it was read")

    def read_at(self, length: int, offset: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        start, block = getattr(self._ahead, "block", (0, b""))
        if not start <= offset <= offset + length <= start + len(block):
            start, block = offset, self._read(max(length, _AHEAD_BYTES), offset)
            self._ahead.block = start, block
        return block[offset - start : offset - start + length]

    def each_at(self, length: int, offsets: Sequence[int]) -> Iterator[bytes]:
        found = [b""] * len(offsets)
        with ThreadPoolExecutor(_THREADS) as pool:
            groups = list(_groups(length, offsets))
            parts = pool.map(lambda group: self._heads(length, offsets, group), groups)
            for group, heads in zip(groups, parts, strict=True):
                for place, head in zip(group, heads, strict=True):
                    found[place] = head
        return iter(found)

    def _heads(self, length: int, offsets: Sequence[int], group: Sequence[int]) -> list[bytes]:
        first = offsets[group[0]]
        block = self._read(offsets[group[-1]] + length - first, first)
        starts = (offsets[place] - first for place in group)
        return [block[start : start + length] for start in starts]

    def _read(self, length: int, offset: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        try:
            block = self._read_range(self._url, offset, length) if length else b""
        except UnreadableError as error:
            raise StoreError(f"cannot read {str(self._url)!r}: {error}") from None
        if len(block) < length:
            raise StoreError(f"{str(self._url)!r} became shorter while it was read")
        return block


class _Stream(io.RawIOBase):
    """Blocks of bytes as a file that is read from its beginning on."""

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._left = self._left or memoryview(next(self._blocks, b""))
        target = memoryview(buffer)
        length = min(len(target), len(self._left))
        target[:length] = self._left[:length]
        self._left = self._left[length:]
        return length


def _groups(length: int, offsets: Sequence[int]) -> Iterator[list[int]]:
    """The places of offsets that one request does for, by ascending offset."""
    group: list[int] = []
    for place in sorted(range(len(offsets)), key=offsets.__getitem__):
        if group and (
            offsets[place] - offsets[group[-1]] > _MAX_GAP
            or offsets[place] + length - offsets[group[0]] > _GROUP_BYTES
        ):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except UnreadableError as error:
        reason = str(error).removeprefix("cannot be read: ")
        number = errno.ENOENT if reason.startswith("No such") else errno.EACCES
        raise OSError(number, reason) from None

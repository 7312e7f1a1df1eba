"""What a source of images says of each: where it is found again, and whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from groundfloor.text import shown_text


@dataclass(frozen=True, slots=True)
class Record:
    """An image, or what somebody may have meant as one.

    Attributes:
      key: names it in its source, where no other has that key. One that is not UTF-8 holds
        surrogate escapes, as `os.fsdecode` makes.
      identity: whose it is. Only a source may derive it from the key.
      split: the split that the source puts it in; None where that is for `splits` to decide.
      landmarks: x and y of five points of the face, in pixels of the image as a viewer shows it,
        in the order of `contract.LANDMARKS`: ten numbers; None where the source knows none.
      box: of the face, left, top, right and bottom in the same pixels; None likewise.
      columns: what else the source says of the image, (name, value) in the source's order.
    """

    key: str
    identity: str
    split: str | None = None
    landmarks: tuple[float, ...] | None = None
    box: tuple[float, ...] | None = None
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Listing:
    """What a source holds.

    Attributes:
      records: the images to read, sorted by key.
      refused: record -> why, of what is somebody's but is not read.
      empty: the identities that have neither, sorted.
      unused: the columns of a table that nothing reads.
    """

    records: Sequence[Record]
    refused: Mapping[Record, str]
    empty: Sequence[str]
    unused: Sequence[str] = ()

    def remarks(self) -> list[str]:
        """What of the source is not read, a sentence each."""
        remarks = []
        if self.refused:
            first = min(self.refused, key=lambda record: record.key)
            remarks.append(
                f"not read: {len(self.refused)}, such as {first.key!r}: {self.refused[first]}"
            )
        if self.empty:
            remarks.append(f"people without an image: {len(self.empty)}, such as {self.empty[0]!r}")
        if self.unused:
            remarks.append(f"columns that are not used: {shown_text(', '.join(self.unused))}")
        return remarks


class Source(Protocol):
    """Where images come from; `faces.sources` finds one by name.

    A source is small and travels to the processes that read: it holds no listing.
    """

    def list(self) -> Listing:
        """What there is, without reading any image.

        Raises:
          UserError: the source cannot be read, or there is no image in it.
        """
        ...

    def read(self, record: Record) -> bytes:
        """The encoded image, whatever its format.

        Raises:
          UnreadableError: it cannot be read; the message is the reason, the same at each attempt.
          StoreError: the store that it is on cannot be used, which says nothing of the image.
        """
        ...

    def fingerprint(self) -> str:
        """A digest of all that is listed and read, equal to `content.fingerprint_of` it."""
        ...

"""Which images of a source are one plain colour, or equal to another's to the pixel.

Only exact equality is looked for: of what the network would see, before it is resized. `copies`
finds what is nearly equal, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from faces.record import Record
from groundfloor.errors import UserError

EXAMPLES = 5


@dataclass(frozen=True)
class Sameness:
    """What is alike in a source.

    Attributes:
      images: how many there are.
      pictures: how many there are that differ.
      plain: keys of the images of one plain colour, at most `EXAMPLES`.
      plain_count: how many these are.
      shared: keys of equal images under different identities, two of each picture, at most
        `EXAMPLES` pictures; plain ones left out.
      shared_count: how many such pictures there are.
    """

    images: int
    pictures: int
    plain: list[str]
    plain_count: int
    shared: list[list[str]]
    shared_count: int

    def require_variety(self) -> None:
        """Refuses a source from which nothing can be learned.

        Raises:
          UserError: all images are plain, or all are equal.
        """
        if self.images and self.plain_count == self.images:
            raise UserError(
                f"each of the {self.images} usable images is of one plain colour, such as "
                f"{self.plain[0]!r}: there is nothing to learn from"
            )
        if self.images > 1 and self.pictures == 1:
            raise UserError(
                f"all {self.images} usable images are equal to the pixel: there is nothing to learn"
            )

    def remarks(self, shared: bool = True) -> list[str]:
        """What should be looked at, a sentence each.

        Args:
          shared: whether to tell of `shared`, which `copies` tells as well.
        """
        remarks = []
        if self.plain_count:
            remarks.append(
                f"{self.plain_count} of {self.images} images are of one plain colour, such as "
                f"{self.plain[0]!r}"
            )
        if shared and self.shared_count:
            first, second = self.shared[0]
            remarks.append(
                f"pictures under more than one person's name: {self.shared_count}, such as "
                f"{first!r} and {second!r}, equal to the pixel"
            )
        return remarks


def find_sameness(pixels: Mapping[Record, tuple[str, bool]]) -> Sameness:
    """Compares all images of a source.

    Args:
      pixels: image -> `pixels_sha256` and `is_flat` of its `EncodedImage`.
    """
    records = sorted(pixels, key=lambda record: record.key)
    by_digest: dict[str, list[Record]] = {}
    for record in records:
        by_digest.setdefault(pixels[record][0], []).append(record)
    plain = [record.key for record in records if pixels[record][1]]
    shared = [_two_people(alike) for alike in by_digest.values() if not pixels[alike[0]][1]]
    shared = [pair for pair in shared if pair]
    return Sameness(
        images=len(pixels),
        pictures=len(by_digest),
        plain=plain[:EXAMPLES],
        plain_count=len(plain),
        shared=shared[:EXAMPLES],
        shared_count=len(shared),
    )


def _two_people(alike: list[Record]) -> list[str]:
    """The first key, and the first of another identity; none if there is no such."""
    first = alike[0]
    others = (record.key for record in alike if record.identity != first.identity)
    other = next(others, None)
    return [first.key, other] if other else []

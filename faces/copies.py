"""Which pictures of a source are copies of another: equal, or the same photograph once more.

What follows from it depends on where the two are: within a person a copy is reported, under two
people's names it is a probable label error, and across splits it is a leak, since what is measured
on it was trained on.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faces.contract import SPLITS, TEST
from faces.hash_search import near_hashes
from faces.likeness import Pixels, likeness
from faces.record import Record
from faces.splits import MIN_IDENTITIES
from groundfloor.errors import UserError

# Bits of the perceptual hash in which two pictures may differ, to be compared closely. Of the ORL
# faces, a copy with 2 % cut off differs in up to 12, all other copies in up to 4.
MOST_BITS = 10

# As many pairs of each kind are kept, the most alike first.
KEPT_PAIRS = 100

# Pairs that are compared closely at once: the thumbnails take 9 kB each.
_BATCH = 2_000

Thumbnails = Callable[[Sequence[Record]], Pixels]


class Look(Protocol):
    """How an image looks, of what `images.encode.EncodedImage` says of it."""

    @property
    def pixels_sha256(self) -> str:
        """Equal for equal pictures."""
        ...

    @property
    def phash(self) -> int:
        """Nearly equal for nearly equal pictures."""
        ...

    @property
    def is_flat(self) -> bool:
        """Whether it is of one plain colour, and so nobody's copy."""
        ...


@dataclass(frozen=True)
class CopyPair:
    """Two images of one photograph.

    Attributes:
      keys: of the two.
      identities: whose they are said to be.
      likeness: correlation of their thumbnails; 1 where they are equal to the pixel, None where
        it was not told.
    """

    keys: tuple[str, str]
    identities: tuple[str, str]
    likeness: float | None


@dataclass(frozen=True)
class Copies:
    """The copies in a source.

    Attributes:
      pictures: the images of each picture, those that are equal to the pixel together.
      near: indices of two pictures that are one photograph, and their likeness.
      cut: how many pictures have so many like them that not all of these were compared.
    """

    pictures: Sequence[Sequence[Record]] = ()
    near: Sequence[tuple[int, int, float]] = ()
    cut: int = 0

    def pairs(self) -> list[CopyPair]:
        """Each copy beside the first image of its picture, and the first ones of near pictures."""
        equal = [_pair(first, other, 1.0) for first, *others in self.pictures for other in others]
        near = [
            _pair(*_apart(self.pictures[first], self.pictures[second]), alike)
            for first, second, alike in self.near
        ]
        return sorted(equal + near, key=lambda pair: (-(pair.likeness or 0.0), pair.keys))

    def leaks(self, splits: Mapping[Record, str]) -> dict[Record, Record]:
        """The images of `val` and `test` of which an earlier split has a copy, and that copy.

        Args:
          splits: of all images; those of `train` are the earliest, those of `test` the latest.
        """
        earliest = [min(images, key=lambda image: _turn(image, splits)) for images in self.pictures]
        like: dict[int, list[int]] = {}
        for first, second, _ in self.near:
            like.setdefault(first, [first]).append(second)
            like.setdefault(second, [second]).append(first)
        leaks = {}
        for index, images in enumerate(self.pictures):
            sources = (earliest[other] for other in like.get(index, [index]))
            source = min(sources, key=lambda image: _turn(image, splits))
            for image in images:
                if _turn(source, splits)[0] < _turn(image, splits)[0]:
                    leaks[image] = source
        return leaks


def find_copies(looks: Mapping[Record, Look], thumbnails: Thumbnails) -> Copies:
    """Finds the copies among images.

    Args:
      looks: of all of them.
      thumbnails: float32 [N, SIDE, SIDE] of N images, see `likeness.thumbnail_of`; it is asked for
        those alone whose hashes are near another's.
    """
    by_digest: dict[str, list[Record]] = {}
    for record in sorted(looks, key=lambda record: record.key):
        if not looks[record].is_flat:
            by_digest.setdefault(looks[record].pixels_sha256, []).append(record)
    pictures = list(by_digest.values())
    firsts = [images[0] for images in pictures]
    hashes = np.array([looks[first].phash for first in firsts], np.uint64)
    found = near_hashes(hashes, MOST_BITS)
    return Copies(pictures, list(_verified(firsts, found.pairs, thumbnails)), found.cut)


def _verified(
    images: Sequence[Record], pairs: NDArray[np.int64], thumbnails: Thumbnails
) -> Iterable[tuple[int, int, float]]:
    for start in range(0, len(pairs), _BATCH):
        some = pairs[start : start + _BATCH]
        asked, where = np.unique(some, return_inverse=True)
        shown = thumbnails([images[index] for index in asked])
        first, second = where.reshape(some.shape).T
        alike, is_same = likeness(shown[first], shown[second])
        for (one, other), value in zip(some[is_same], alike[is_same], strict=True):
            yield int(one), int(other), round(float(value), 5)


def _pair(first: Record, second: Record, alike: float | None) -> CopyPair:
    return CopyPair((first.key, second.key), (first.identity, second.identity), alike)


def _apart(first: Sequence[Record], second: Sequence[Record]) -> tuple[Record, Record]:
    """An image of each of two pictures: of two people, if there are such."""
    of_others = (one for one in second if one.identity != first[0].identity)
    return first[0], next(of_others, second[0])


def _turn(record: Record, splits: Mapping[Record, str]) -> tuple[int, str]:
    return SPLITS.index(splits[record]), record.key


@dataclass(frozen=True)
class CopyReport:
    """What is told of the copies.

    Attributes:
      within: pairs of one person's images.
      across: pairs of two people's; one of the two names is probably wrong.
      within_count: how many there are; `within` and `across` have at most `KEPT_PAIRS`.
      across_count: likewise.
      left: split -> how many images left it, since an earlier split has them as well.
      leaked: split -> how many are still in it.
      cut: see `Copies`.
    """

    within: Sequence[CopyPair] = ()
    across: Sequence[CopyPair] = ()
    within_count: int = 0
    across_count: int = 0
    left: Mapping[str, int] = field(default_factory=dict)
    leaked: Mapping[str, int] = field(default_factory=dict)
    cut: int = 0

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CopyReport":
        """From what `dataclasses.asdict` gave, read from JSON."""
        pairs = {
            kind: [
                CopyPair(tuple(pair["keys"]), tuple(pair["identities"]), pair["likeness"])
                for pair in content[kind]
            ]
            for kind in ("within", "across")
        }
        return cls(**{**content, **pairs})

    def remarks(self) -> list[str]:
        """What should be looked at, a sentence each."""
        remarks = []
        if self.across_count:
            (first, second), (one, other) = self.across[0].keys, self.across[0].identities
            remarks.append(
                f"copies of one picture under two people's names, probably label errors: "
                f"{self.across_count}, such as {first!r} of {one!r} and {second!r} of {other!r}"
            )
        if self.within_count:
            first, second = self.within[0].keys
            remarks.append(
                f"copies of one picture within a person: {self.within_count}, such as {first!r} "
                f"and {second!r}"
            )
        remarks += [
            f"{count} images of the {split} split are copies of another split's, and stay in it: "
            "data.near_duplicates is report"
            for split, count in self.leaked.items()
        ]
        if self.cut:
            remarks.append(
                f"{self.cut} pictures are like so many others that not all of these were compared: "
                "there may be more near duplicates"
            )
        return remarks


def report_of(
    copies: Copies, leaks: Mapping[Record, Record], splits: Mapping[Record, str], *, removed: bool
) -> CopyReport:
    """Counts what `find_copies` gave.

    Args:
      copies: all of them.
      leaks: of them, see `Copies.leaks`.
      splits: of all images, those that leak among them.
      removed: whether these leave their split.
    """
    pairs = copies.pairs()
    within = [pair for pair in pairs if pair.identities[0] == pair.identities[1]]
    across = [pair for pair in pairs if pair.identities[0] != pair.identities[1]]
    counts = _counts([splits[record] for record in leaks])
    return CopyReport(
        within=within[:KEPT_PAIRS],
        across=across[:KEPT_PAIRS],
        within_count=len(within),
        across_count=len(across),
        left=counts if removed else {},
        leaked={} if removed else counts,
        cut=copies.cut,
    )


def remarks_on_leaks(leaks: Mapping[Record, Record], splits: Mapping[Record, str]) -> list[str]:
    """What is said of the splits that images leave, a sentence each; as for `report_of`."""
    remarks = []
    for split, count in _counts([splits[record] for record in leaks]).items():
        left = min((record for record in leaks if splits[record] == split), key=lambda r: r.key)
        source = leaks[left]
        remarks.append(
            f"{count} near duplicates left the {split} split, such as {left.key!r}, a copy of "
            f"{source.key!r} in {splits[source]}"
        )
    return remarks


def leaking_pairs(leaks: Mapping[Record, Record]) -> list[CopyPair]:
    """The images that leak, each beside the one that it is a copy of, by key.

    Their likeness is not told: of three copies, the first may be like the third only by the second.
    """
    pairs = [_pair(record, source, None) for record, source in leaks.items()]
    return sorted(pairs, key=lambda pair: pair.keys)


def without_leaks(splits: Mapping[Record, str], leaks: Collection[Record]) -> dict[Record, str]:
    """The splits without the images that leak.

    Raises:
      UserError: of the people of `test`, fewer than two are left, or fewer than two with two images
        or more where there were as many.
    """
    kept = {record: split for record, split in splits.items() if record not in leaks}
    for least in (1, 2):
        before, after = (_people_of_test(some, least) for some in (splits, kept))
        if after < min(before, MIN_IDENTITIES):
            left = sum(splits[record] == TEST for record in leaks)
            raise UserError(
                f"{left} images of the test split are copies of images in another split; without "
                f"them, {after} people with {least} or more images are left to test with, and "
                f"needed are {MIN_IDENTITIES}. data.near_duplicates: report keeps them"
            )
    return kept


def _people_of_test(splits: Mapping[Record, str], least: int) -> int:
    images = Counter(record.identity for record, split in splits.items() if split == TEST)
    return sum(count >= least for count in images.values())


def _counts(names: Collection[str]) -> dict[str, int]:
    counts = Counter(names)
    return {split: counts[split] for split in SPLITS if counts[split]}

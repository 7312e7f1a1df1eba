"""Files that list the pairs to compare: LFW's, tables, and plain lists."""

import csv
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from biometrics.arrays import Bool, Int64
from biometrics.csv_table import read_table
from biometrics.embeddings import ImageSet
from biometrics.errors import EvaluationError
from groundfloor.text import delimiter_of

COLUMNS = ("fold", "first_key", "second_key", "same")
SAME = {"1": True, "true": True, "0": False, "false": False, "-1": False}
# Into how many folds the pairs of a file without folds are dealt, as for CFP and AgeDB.
FOLDS = 10
# Whose images the pairs are looked for among, unless a set has images of its own.
TEST_PEOPLE = "test people"


@dataclass(frozen=True)
class ListedPair:
    """A pair of the file.

    Attributes:
      line: its number, from 1 on.
      fold: the name of its fold; None where the file has no folds.
      first: the key of an image, with or without its extension.
      second: that of the other one.
      same: whether both show one person.
      unit: what is numbered; in a file that is no text, the pairs.
    """

    line: int
    fold: str | None
    first: str
    second: str
    same: bool
    unit: str = "line"

    @property
    def where(self) -> str:
        """Where it stands in the file."""
        return f"{self.unit} {self.line}"


@dataclass(frozen=True)
class PairList:
    """The pairs of a file whose images are in a set of images, each once.

    Attributes:
      first: int64 [P], an image of each pair, by its index in the set.
      second: int64 [P], the other one.
      same: bool [P], whether both show one person.
      fold: int64 [P], 0 .. F - 1, in the order of the file.
      folds: F.
      missing: those that the file lists besides, with an image that the set lacks.
      repeated: those that say again what a line before has said.
      empty_folds: the names of the folds of which nothing is left.
      among: what the images of the set are, as messages call them.
    """

    first: Int64
    second: Int64
    same: Bool
    fold: Int64
    folds: int
    missing: Sequence[ListedPair] = ()
    repeated: Sequence[ListedPair] = ()
    empty_folds: Sequence[str] = ()
    among: str = TEST_PEOPLE

    @property
    def share(self) -> float:
        """The share of the different pairs of the file that are here."""
        return len(self.first) / (len(self.first) + len(self.missing))


def read_pairs(text: str) -> list[ListedPair]:
    """Reads pairs in any of these forms.

    - LFW's `pairs.txt`: a line with the number of folds and of pairs of each kind in a fold; then
      for each fold the genuine pairs, `name i j`, and the impostor pairs, `name i other j`. Tabs
      separate the columns, or white space where a line has no tab. The i-th image of a name has the
      key `<name>/<name>_<i, four digits>` and any extension.
    - LFW's `pairsDevTrain.txt` and `pairsDevTest.txt` (View 1): the same with one number, the pairs
      of each kind, and without folds.
    - A table with the columns `first_key`, `second_key`, `same` (1 or 0, true or false), and `fold`
      if there are folds.
    - A list without a header, `first second same` in each line, or `same first second`; separated
      by tabs, semicolons or commas, or by white space.

    Raises:
      EvaluationError: a line cannot be understood; the message gives its number.
    """
    first_line = text.partition("\n")[0]
    words = first_line.split()
    if len(words) in (1, 2) and all(word.isdecimal() for word in words):
        return list(_read_lfw(text, [int(word) for word in words]))
    cells = {cell.strip() for cell in first_line.split(delimiter_of(first_line))}
    if not words or cells & set(COLUMNS):
        return list(_read_table(text, cells))
    return list(_read_list(text))


def _read_lfw(text: str, header: Sequence[int]) -> Iterator[ListedPair]:
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and number > 1
    ]
    if len(lines) != 2 * math.prod(header) or not lines:
        raise EvaluationError(
            "line 1 of the pairs: the number of folds, if there are any, and of pairs of each kind "
            f"in a fold, and then as many lines. Received: {' '.join(map(str, header))}, and "
            f"{len(lines)} lines"
        )
    per_fold = 2 * header[-1]
    for position, (number, line) in enumerate(lines):
        words = [word.strip() for word in line.split("\t" if "\t" in line else None)]
        same = position % per_fold < per_fold // 2
        rule = "name i j" if same else "name i other j"
        numbers = [words[1], words[-1]] if len(words) == (3 if same else 4) else [""]
        if not all(word.isdecimal() for word in numbers):
            raise _malformed(number, rule, line)
        yield _checked(
            ListedPair(
                line=number,
                fold=str(position // per_fold + 1) if len(header) == 2 else None,
                first=_lfw_key(words[0], numbers[0]),
                second=_lfw_key(words[0] if same else words[2], numbers[1]),
                same=same,
            )
        )


def _lfw_key(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"


def _read_table(text: str, columns: Collection[str]) -> Iterator[ListedPair]:
    # Without folds there is no other column: a fold by another name would go unnoticed.
    required = COLUMNS[1:] if set(columns) == set(COLUMNS[1:]) else COLUMNS
    for row in read_table(text, "pairs", required)[1]:
        same = SAME.get(row.cells["same"].lower())
        if same is None:
            raise _malformed(row.line, "same as 1 or 0", row.cells["same"])
        yield _checked(
            ListedPair(
                row.line,
                row.cells.get("fold"),
                row.cells["first_key"],
                row.cells["second_key"],
                same,
            )
        )


def _read_list(text: str) -> Iterator[ListedPair]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            cells = _cells(line)
            if cells[0].lower() in SAME and cells[-1].lower() not in SAME:
                cells = [*cells[1:], cells[0]]
            if len(cells) != 3 or cells[-1].lower() not in SAME:
                rule = (
                    "first second same, with same as 1 or 0, or else a header with the columns "
                    f"{', '.join(COLUMNS)}"
                )
                raise _malformed(number, rule, line.strip())
            first, second, same = cells
            yield _checked(ListedPair(number, None, first, second, SAME[same.lower()]))


def _cells(line: str) -> list[str]:
    delimiter = delimiter_of(line)
    if delimiter not in line:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]


def _checked(pair: ListedPair) -> ListedPair:
    if pair.first == pair.second:
        raise _malformed(pair.line, "two different images", pair.first)
    return pair


def _malformed(line: int, rule: str, received: str) -> EvaluationError:
    return EvaluationError(f"line {line} of the pairs: {rule}. Received: {received!r}")


def find_pairs(
    listed: Sequence[ListedPair],
    images: ImageSet,
    *,
    among: str = TEST_PEOPLE,
    says_who: bool = True,
) -> PairList:
    """Looks the pairs up in a set of images.

    Those with an image that it lacks, and those that were listed before, are told apart. Pairs of a
    file without folds are dealt into ten, in their order.

    Args:
      listed: the pairs of a file.
      images: the set, such as the test set.
      among: what its images are, as messages call them.
      says_who: whether the set knows its people other than by these pairs.

    Raises:
      EvaluationError: no genuine or no impostor pair is left, a key without extension means two
        images, a pair is of one image with itself, or the set does not agree about who is in the
        images.
    """
    places = images_by_key(images.keys)
    pairs, missing, repeated = _told_apart(listed, places, images, says_who)
    folds = list(dict.fromkeys(pair.fold for pair in listed if pair.fold is not None))
    same = np.array([pair.same for pair in pairs], np.bool_)
    if same.all() or not same.any():
        raise EvaluationError(
            "The pairs must be of both kinds. "
            f"Received: {same.sum()} genuine and {(~same).sum()} impostor pairs of {among}, "
            f"and {len(missing)} with an image that is not among them"
        )
    left = {pair.fold for pair in pairs}
    return PairList(
        first=np.array([places[pair.first] for pair in pairs], np.int64),
        second=np.array([places[pair.second] for pair in pairs], np.int64),
        same=same,
        fold=_fold_numbers(pairs, folds),
        folds=len(folds) if folds else min(FOLDS, len(pairs)),
        missing=missing,
        repeated=repeated,
        empty_folds=[fold for fold in folds if fold not in left],
        among=among,
    )


def _told_apart(
    listed: Sequence[ListedPair], places: Mapping[str, int], images: ImageSet, says_who: bool
) -> tuple[list[ListedPair], list[ListedPair], list[ListedPair]]:
    """The pairs that are there, each once; those that lack an image; those listed before."""
    found: dict[tuple[int, int], ListedPair] = {}
    missing, repeated = [], []
    for pair in listed:
        if pair.first not in places or pair.second not in places:
            missing.append(pair)
            continue
        first, second = places[pair.first], places[pair.second]
        _check_pair(pair, first, second, images, says_who)
        key = min(first, second), max(first, second)
        repeated.extend([pair] if key in found else [])
        found.setdefault(key, pair)
    return list(found.values()), missing, repeated


def _fold_numbers(pairs: Sequence[ListedPair], folds: Sequence[str]) -> Int64:
    """The fold of each pair, by its name, or dealt in the order of the file."""
    if not folds:
        return np.arange(len(pairs)) * min(FOLDS, len(pairs)) // len(pairs)
    number: dict[str | None, int] = {fold: position for position, fold in enumerate(folds)}
    return np.array([number[pair.fold] for pair in pairs], np.int64)


def images_by_key(keys: Sequence[str]) -> dict[str, int]:
    """Key, and key without its extension, -> image; -1 where that would mean several."""
    images: dict[str, int] = {}
    for image, key in enumerate(keys):
        stem = str(PurePosixPath(key).with_suffix(""))
        images[stem] = -1 if stem in images else image
    return images | {key: image for image, key in enumerate(keys)}


def _check_pair(
    pair: ListedPair, first: int, second: int, images: ImageSet, says_who: bool
) -> None:
    if min(first, second) < 0:
        raise _malformed(pair.line, "keys that mean one image each", f"{pair.first} {pair.second}")
    if first == second:
        raise _malformed(pair.line, "two different images", images.keys[first])
    people = images.identities[first], images.identities[second]
    if says_who and pair.same != (people[0] == people[1]):
        raise EvaluationError(
            f"line {pair.line} of the pairs: {'the same person' if pair.same else 'two people'}. "
            f"Received: in the set {people[0]} and {people[1]}"
        )

"""Files that list the pairs to compare: LFW's `pairs.txt`, and plain tables."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from components.evaluator.engine.arrays import Bool, Int64
from components.evaluator.errors import EvaluationError
from components.evaluator.protocols.base import TestSet
from components.evaluator.protocols.tables import read_table

COLUMNS = ("fold", "first_key", "second_key", "same")
SAME = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True)
class ListedPair:
    """A line of the file.

    Attributes:
      line: its number, from 1 on.
      fold: the name of its fold.
      first: the key of an image, with or without its extension.
      second: that of the other one.
      same: whether both show one person.
    """

    line: int
    fold: str
    first: str
    second: str
    same: bool


@dataclass(frozen=True)
class PairList:
    """The pairs of a file whose images are in the test set.

    Attributes:
      first: int64 [P], an image of each pair, by its index in the test set.
      second: int64 [P], the other one.
      same: bool [P], whether both show one person.
      fold: int64 [P], 0 .. F - 1, in the order of the file.
      missing: pairs that the file lists besides, with an image that the test set lacks.
    """

    first: Int64
    second: Int64
    same: Bool
    fold: Int64
    missing: int


def read_pairs(text: str) -> list[ListedPair]:
    """Reads LFW's form, if the first line is two numbers, or else a table.

    LFW's form: a line with the number of folds and of pairs of each kind in a fold; then for each
    fold the genuine pairs, `name i j`, and the impostor pairs, `name i other j`. Tabs separate the
    columns, or white space where a line has no tab. The i-th image of a name has the key
    `<name>/<name>_<i, four digits>` and any extension.

    A table has the columns `fold`, `first_key`, `second_key` and `same` (1 or 0, true or false).

    Raises:
      EvaluationError: a line cannot be understood; the message gives its number.
    """
    header = text.partition("\n")[0].split()
    if header and all(word.isdecimal() for word in header):
        return list(_read_lfw(text, header))
    return list(_read_listed(text))


def _read_lfw(text: str, header: Sequence[str]) -> Iterator[ListedPair]:
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and number > 1
    ]
    if len(header) != 2 or len(lines) != 2 * int(header[0]) * int(header[1]):
        raise EvaluationError(
            "line 1 of the pairs: the number of folds and of pairs of each kind in a fold, and "
            f"then as many lines. Received: {' '.join(header)}, and {len(lines)} lines"
        )
    per_fold = 2 * int(header[1])
    for position, (number, line) in enumerate(lines):
        words = [word.strip() for word in line.split("\t" if "\t" in line else None)]
        same = position % per_fold < per_fold // 2
        if len(words) != (3 if same else 4) or not words[-1].isdecimal():
            raise _malformed(number, "name i j" if same else "name i other j", line)
        first_number = words[1]
        if not first_number.isdecimal():
            raise _malformed(number, "name i j" if same else "name i other j", line)
        yield _checked(
            ListedPair(
                line=number,
                fold=str(position // per_fold + 1),
                first=_lfw_key(words[0], first_number),
                second=_lfw_key(words[0] if same else words[2], words[-1]),
                same=same,
            )
        )


def _lfw_key(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"


def _read_listed(text: str) -> Iterator[ListedPair]:
    for row in read_table(text, "pairs", COLUMNS)[1]:
        same = SAME.get(row.cells["same"].lower())
        if same is None:
            raise _malformed(row.line, "same as 1 or 0", row.cells["same"])
        yield _checked(
            ListedPair(
                row.line, row.cells["fold"], row.cells["first_key"], row.cells["second_key"], same
            )
        )


def _checked(pair: ListedPair) -> ListedPair:
    if pair.first == pair.second:
        raise _malformed(pair.line, "two different images", pair.first)
    return pair


def _malformed(line: int, rule: str, received: str) -> EvaluationError:
    return EvaluationError(f"line {line} of the pairs: {rule}. Received: {received!r}")


def find_pairs(listed: Sequence[ListedPair], test: TestSet) -> PairList:
    """Looks the pairs up in the test set; those with an image that it lacks are counted.

    A fold of which all pairs are missing is an error and not left out: the accuracies would be
    those of another protocol.

    Raises:
      EvaluationError: a fold has no pair left, there are fewer than two folds, no genuine or no
        impostor pair, a key without extension means two images, or the test set does not agree
        about who is in the images.
    """
    images = _images_by_key(test.keys)
    found = [
        (pair, images[pair.first], images[pair.second])
        for pair in listed
        if pair.first in images and pair.second in images
    ]
    for pair, first, second in found:
        _check_pair(pair, first, second, test)
    folds = list(dict.fromkeys(pair.fold for pair in listed))
    _check_folds(folds, Counter(pair.fold for pair, _, _ in found))
    pairs = PairList(
        first=np.array([first for _, first, _ in found], np.int64),
        second=np.array([second for _, _, second in found], np.int64),
        same=np.array([pair.same for pair, _, _ in found], np.bool_),
        fold=np.array([folds.index(pair.fold) for pair, _, _ in found], np.int64),
        missing=len(listed) - len(found),
    )
    if pairs.same.all() or not pairs.same.any():
        raise EvaluationError(
            "The pairs must be of both kinds. "
            f"Received: {pairs.same.sum()} genuine and {(~pairs.same).sum()} impostor pairs"
        )
    return pairs


def _images_by_key(keys: Sequence[str]) -> dict[str, int]:
    """Key, and key without its extension, -> image; -1 where that would mean several."""
    images: dict[str, int] = {}
    for image, key in enumerate(keys):
        stem = str(PurePosixPath(key).with_suffix(""))
        images[stem] = -1 if stem in images else image
    return images | {key: image for image, key in enumerate(keys)}


def _check_pair(pair: ListedPair, first: int, second: int, test: TestSet) -> None:
    if min(first, second) < 0:
        raise _malformed(pair.line, "keys that mean one image each", f"{pair.first} {pair.second}")
    people = test.identities[first], test.identities[second]
    if pair.same != (people[0] == people[1]):
        raise EvaluationError(
            f"line {pair.line} of the pairs: {'the same person' if pair.same else 'two people'}. "
            f"Received: in the test set {people[0]} and {people[1]}"
        )


def _check_folds(folds: Sequence[str], sizes: Counter) -> None:
    empty = [fold for fold in folds if not sizes[fold]]
    if len(folds) < 2 or empty:
        raise EvaluationError(
            "The pairs must be in two folds or more, each with images of the test set. "
            f"Received: {len(folds)} folds, without a pair whose images are there: "
            f"{', '.join(empty[:5]) or 'none'}"
        )

"""The distances of all pairs of images, computed once for all the figures that need them.

Terms are those of ISO/IEC 19795-1: a *genuine* pair shows one person twice, an *impostor* pair two
people. Every pair (i, j) with i < j counts once. The scores of all pairs are kept: 2 N^2 bytes, and
as much again for a sorted copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from components import progress
from components.errors import UserError

# Rows of the distance matrix that are computed at a time.
BLOCK_ROWS = 256
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


class EvaluationError(UserError):
    """The figures asked for are undefined on these embeddings, labels or distances."""


@dataclass(frozen=True)
class Searches:
    """The outcome of each probe that has a mate.

    Attributes:
      identity: int64 [P].
      rank: int64 [P], 1 or more, in leave-one-out.
      one_enrolled: float64 [P], probability in [0, 1] that it finds its person first in a gallery
        of one image each.
      one_enrolled_weight: float64 [P], the probability (n - 1) / n that the image is a probe
        there and not the enrolled one.
    """

    identity: Int64
    rank: Int64
    one_enrolled: Float64
    one_enrolled_weight: Float64


@dataclass(frozen=True)
class PairScores:
    """The distances of all pairs, with the rows sorted by identity.

    Sorting puts the mates of row `i` in rows `first[i]` to `end[i] - 1`, so the genuine pairs
    (i, j > i) have j in `i + 1 .. end[i] - 1` and the impostor pairs j in `end[i] .. N - 1`. That
    order makes the two people of a pair a matter of arithmetic: no index is stored by pair.

    Attributes:
      genuine: float32 [G], distances of the genuine pairs, by (i, j).
      impostor: float32 [M], distances of the impostor pairs, by (i, j).
      order: int64 [N], the image that stands in each row.
      identity: int64 [N], 0 .. K - 1 by row, ascending.
    """

    genuine: Float32
    impostor: Float32
    order: Int64
    identity: Int64

    @property
    def images(self) -> int:
        """N, the number of images."""
        return len(self.order)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each identity, int64 [K]."""
        return np.bincount(self.identity)

    @cached_property
    def first(self) -> Int64:
        """The first row of the identity of each row, int64 [N]."""
        return np.searchsorted(self.identity, self.identity, side="left")

    @cached_property
    def end(self) -> Int64:
        """One past the last row of the identity of each row, int64 [N]."""
        return np.searchsorted(self.identity, self.identity, side="right")

    @cached_property
    def sorted_genuine(self) -> Float32:
        """Genuine distances, ascending, float32 [G]."""
        return np.sort(self.genuine)

    @cached_property
    def sorted_impostor(self) -> Float32:
        """Impostor distances, ascending, float32 [M]."""
        return np.sort(self.impostor)

    @cached_property
    def searches(self) -> Searches:
        """The search of every image that has a mate among all other images; O(N^2)."""
        return _search_all(self)

    @cached_property
    def _genuine_start(self) -> Int64:
        return _starts(self.end - np.arange(self.images) - 1)

    @cached_property
    def _impostor_start(self) -> Int64:
        return _starts(self.images - self.end)

    def genuine_rows(self, positions: Int64) -> tuple[Int64, Int64]:
        """The rows (i, j) of the genuine pairs at these positions, int64 [P] each."""
        row = np.searchsorted(self._genuine_start, positions, side="right") - 1
        return row, row + 1 + positions - self._genuine_start[row]

    def impostor_rows(self, positions: Int64) -> tuple[Int64, Int64]:
        """The rows (i, j) of the impostor pairs at these positions, int64 [P] each."""
        row = np.searchsorted(self._impostor_start, positions, side="right") - 1
        return row, self.end[row] + positions - self._impostor_start[row]

    def genuine_of(self, row: int) -> Float32:
        """Distances of one row to its mates, float32 [n - 1]."""
        before = np.arange(self.first[row], row)
        start = self._genuine_start[row]
        return np.concatenate(
            [
                self.genuine[self._genuine_start[before] + row - before - 1],
                self.genuine[start : start + self.end[row] - row - 1],
            ]
        )

    def impostors_of(self, row: int) -> Float32:
        """Distances of one row to the images of everybody else, by row, float32 [N - n]."""
        before = np.arange(self.first[row])
        start = self._impostor_start[row]
        return np.concatenate(
            [
                self.impostor[self._impostor_start[before] + row - self.end[before]],
                self.impostor[start : start + self.images - self.end[row]],
            ]
        )


def _starts(lengths: Int64) -> Int64:
    return np.concatenate([[0], np.cumsum(lengths)])


def score_pairs(
    embeddings: ArrayLike | None, labels: ArrayLike, distance: str | ArrayLike = "cosine"
) -> PairScores:
    """Computes the distance of every pair of images once, for all the figures that need it.

    Products and differences are taken in float64 and the score is rounded to float32: pairs that
    are equally far apart tie, whatever the order of the images and the tiling of the product.

    Args:
      embeddings: real [N, D]; not looked at when `distance` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distance: "cosine", 1 - cos, in [0, 2]; "euclidean", between the embeddings as given (on
        L2-normalised ones it is sqrt(2 * cosine distance)); or a symmetric real matrix [N, N].

    Raises:
      EvaluationError: N < 2, shapes that do not fit, values that are not finite, an embedding
        without direction (all zero) under cosine, no genuine or no impostor pair.
    """
    names = _checked_labels(labels)
    identity = np.unique(names, return_inverse=True)[1]
    order = np.argsort(identity, kind="stable")
    if isinstance(distance, str):
        blocks = _blocks_of_embeddings(_checked_embeddings(embeddings, len(names)), order, distance)
    else:
        blocks = _blocks_of_matrix(_checked_matrix(distance, len(names)), order)
    identity = identity[order]
    _check_pairs_exist(identity)
    return PairScores(*_split_pairs(blocks, identity), order=order, identity=identity)


def _checked_labels(labels: ArrayLike) -> NDArray[Any]:
    names = np.asarray(labels)
    if names.ndim != 1 or len(names) < 2:
        raise EvaluationError(
            "The evaluation needs one label for each of at least two images. "
            f"Received: labels of shape {names.shape}"
        )
    return names


def _checked_embeddings(embeddings: ArrayLike | None, images: int) -> NDArray[Any]:
    values = np.asarray(embeddings)
    if values.ndim != 2 or len(values) != images or values.dtype.kind not in "iuf":
        raise EvaluationError(
            f"The embeddings must be numbers of shape [N, D] with N = {images} labels. "
            f"Received: {values.dtype} of shape {values.shape}"
        )
    _check_finite(values, "embeddings")
    return values


def _checked_matrix(matrix: ArrayLike, images: int) -> NDArray[Any]:
    values = np.asarray(matrix)
    if values.shape != (images, images) or values.dtype.kind not in "iuf":
        raise EvaluationError(
            f"The distance matrix must hold numbers of shape [{images}, {images}], as many as "
            f"there are labels. Received: {values.dtype} of shape {values.shape}"
        )
    _check_finite(values, "distances")
    if not np.allclose(values, values.T):
        raise EvaluationError(
            "The distance matrix must be symmetric: a pair counts once. "
            f"Received: entries that differ by up to {np.abs(values - values.T).max():g}"
        )
    return values


def _check_finite(values: NDArray[Any], name: str) -> None:
    bad = [row for row, vector in enumerate(values) if not np.isfinite(vector).all()]
    if bad:
        raise EvaluationError(
            f"The {name} must be finite. Received: NaN or infinity in {len(bad)} of "
            f"{len(values)} rows, the first of them row {bad[0]}"
        )


def _check_pairs_exist(identity: Int64) -> None:
    sizes = np.bincount(identity)
    if sizes.max() < 2:
        raise EvaluationError(
            "FRR and Rank-N need a genuine pair: at least one person with two images. "
            f"Received: {len(identity)} images of {len(sizes)} people"
        )
    if len(sizes) < 2:
        raise EvaluationError(
            "FAR and Rank-N need an impostor pair: images of at least two people. "
            f"Received: {len(identity)} images of one person"
        )


def _blocks_of_matrix(matrix: NDArray[Any], order: Int64) -> Iterator[Float32]:
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        yield matrix[np.ix_(rows, order[start:])].astype(np.float32)


def _blocks_of_embeddings(
    embeddings: NDArray[Any], order: Int64, distance: str
) -> Iterator[Float32]:
    """Yields the distances of 256 rows at a time to all rows from the first of them on."""
    if distance not in ("cosine", "euclidean"):
        raise EvaluationError(
            f"The distance must be cosine, euclidean or a square matrix. Received: {distance!r}"
        )
    norms = _norms(embeddings) if distance == "cosine" else None
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        block = np.empty((len(rows), len(order) - start), np.float32)
        for offset in range(0, block.shape[1], BLOCK_ROWS):
            columns = order[start + offset : start + offset + BLOCK_ROWS]
            tile = block[:, offset : offset + BLOCK_ROWS]
            tile[:] = _distances(embeddings, rows, columns, norms)
        yield block


def _distances(
    embeddings: NDArray[Any], rows: Int64, columns: Int64, norms: Float64 | None
) -> NDArray[Any]:
    left = embeddings[rows].astype(np.float64)
    right = embeddings[columns].astype(np.float64)
    if norms is None:
        # Not from a product: cancellation would give equal embeddings distances above zero.
        return cdist(left, right)
    similarity = left @ right.T / np.outer(norms[rows], norms[columns])
    # Rounded before the subtraction, so that the noise of the product cannot break ties at 0.
    return np.clip(1 - similarity.astype(np.float32), 0, 2)


def _norms(embeddings: NDArray[Any]) -> Float64:
    norms = np.array([np.linalg.norm(vector.astype(np.float64)) for vector in embeddings])
    zero = np.flatnonzero(norms == 0)
    if len(zero):
        raise EvaluationError(
            "The cosine distance needs embeddings that are not zero. Received: "
            f"{len(zero)} zero rows of {len(norms)}, the first of them row {zero[0]}"
        )
    return norms


def _split_pairs(blocks: Iterator[Float32], identity: Int64) -> tuple[Float32, Float32]:
    end = np.searchsorted(identity, identity, side="right")
    rows = np.arange(len(identity))
    genuine = np.empty(np.sum(end - rows - 1), np.float32)
    impostor = np.empty(np.sum(len(identity) - end), np.float32)
    genuine_filled = impostor_filled = start = 0
    for block in blocks:
        row = rows[start : start + len(block), None]
        column = rows[None, start:]
        mates = block[(column > row) & (column < end[row])]
        others = block[column >= end[row]]
        genuine[genuine_filled : genuine_filled + len(mates)] = mates
        impostor[impostor_filled : impostor_filled + len(others)] = others
        genuine_filled += len(mates)
        impostor_filled += len(others)
        start += len(block)
        progress.advance("pairs", len(mates) + len(others))
    return genuine, impostor


def _search_all(pairs: PairScores) -> Searches:
    size = pairs.sizes[pairs.identity]
    probes = np.flatnonzero(size > 1)
    rank = np.empty(len(probes), np.int64)
    one_enrolled = np.empty(len(probes))
    for index, row in enumerate(probes):
        mates = np.sort(pairs.genuine_of(row))
        others = pairs.impostors_of(row)
        rank[index] = 1 + np.count_nonzero(others <= mates[0])
        one_enrolled[index] = _probability_first(pairs, row, mates, others)
    return Searches(pairs.identity[probes], rank, one_enrolled, 1 - 1 / size[probes])


def _probability_first(pairs: PairScores, row: int, mates: Float32, others: Float32) -> float:
    people, columns = len(pairs.sizes), len(mates) + 1
    other_identity = np.delete(pairs.identity, slice(pairs.first[row], pairs.end[row]))
    beaten_by = np.searchsorted(mates, others, side="left")  # mates that are nearer than it
    cells = np.bincount(other_identity * columns + beaten_by, minlength=people * columns)
    # Column m: the images of each person that are farther than mate m.
    farther = cells.reshape(people, columns)[:, :0:-1].cumsum(axis=1)[:, ::-1]
    share = farther / pairs.sizes[:, None]
    share[pairs.identity[row]] = 1.0
    return float(share.prod(axis=0).mean())

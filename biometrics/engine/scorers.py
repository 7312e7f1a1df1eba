"""Distances as integer keys, block by block.

A scorer gives every pair an int32 key, larger where the two images are farther apart, so that
counting distances is counting integers. It works on rows sorted as the `Layout` has them.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from biometrics.arrays import Float32, Int32, Int64
from biometrics.engine.threads import share, usable_cores

Rows = slice | Int64

# Steps of a distance between 0 and the length of the (unit) vectors.
STEPS = 2**21
# Keys on either side for cosines that rounding puts beyond 1: its worst case for MAX_DIMENSIONS.
MARGIN = 2**16
MAX_DIMENSIONS = 2**17
# Rows that are brought to unit length at a time.
_CONVERTED_ROWS = 128


class Scorer(Protocol):
    """What the engine needs to know of a distance.

    Attributes:
      origin: the least key, int32, that `keys` may give.
      size: the number of keys: they lie in `origin .. origin + size - 1`.
    """

    origin: int
    size: int

    def keys(self, rows: Rows, columns: Rows, workspace: Float32 | None = None) -> Int32:
        """The keys of all pairs of these rows and columns.

        Args:
          rows: R of them.
          columns: C of them.
          workspace: float32, of at least R * C numbers, in which the result may be; a fresh array
            of some megabytes costs a tenth of the time of its product.

        Returns:
          int32 [R, C], C-contiguous, the caller's to change.
        """

    def distances(self, keys: Int32) -> Float32:
        """The distances behind keys, float32 of the same shape."""

    def largest_equal(self, keys: Int32) -> Int32:
        """The largest keys of the same distances, int32 of the same shape."""


class CosineScorer:
    """1 - cos, in [0, 2], as float32 multiples of 2^-21.

    The cosine is a float32 product. Of 512 terms its rounding error reaches 6e-7 (5e-8 root mean
    square), so digits below 2^-21 = 4.8e-7 say nothing, but would break the ties of equal
    embeddings. The key is therefore the distance in units of 2^-21, which every float32 from 0 to 2
    can hold. Between 2^22 and 2^23 float32 numbers are 1/2 apart: a product of vectors of length
    2^10, added to a number there, is rounded to the step, and the bits of the sum, taken as an
    integer, are the key.

    Args:
      embeddings: real [N, D] by image, no row zero, D at most 2^17.
      order: int64 [N], the image in each row.
    """

    _LENGTH = 2.0**10
    _SHIFT = np.float32(1.5 * 2**22)

    origin = int(np.float32(1.5 * 2**22 - 2**20).view(np.int32)) - MARGIN
    size = 2 * STEPS + 1 + 2 * MARGIN

    def __init__(self, embeddings: NDArray[np.generic], order: Int64):
        self._scaled = np.empty((len(order), embeddings.shape[1]), np.float32)

        def scale(start: int) -> None:
            rows = embeddings[order[start : start + _CONVERTED_ROWS]].astype(np.float64)
            rows *= (self._LENGTH / np.sqrt(np.einsum("nd,nd->n", rows, rows)))[:, None]
            self._scaled[start : start + _CONVERTED_ROWS] = rows

        share(range(0, len(order), _CONVERTED_ROWS), [scale] * usable_cores())

    def keys(self, rows: Rows, columns: Rows, workspace: Float32 | None = None) -> Int32:
        """See `Scorer`."""
        left, right = self._scaled[rows], self._scaled[columns]
        pairs = len(left) * len(right)
        out = None if workspace is None else workspace[:pairs].reshape(len(left), len(right))
        product = np.matmul(left, right.T, out=out)
        return np.subtract(self._SHIFT, product, out=product).view(np.int32)

    def largest_equal(self, keys: Int32) -> Int32:
        """See `Scorer`."""
        at_0 = self.origin + MARGIN
        at_2 = at_0 + 2 * STEPS
        return np.where(keys >= at_2, self.origin + self.size - 1, np.maximum(keys, at_0))

    def distances(self, keys: Int32) -> Float32:
        """See `Scorer`."""
        steps = keys - np.int32(self.origin + MARGIN)
        np.clip(steps, 0, 2 * STEPS, out=steps)
        # A power of two: a product is as exact as a quotient, and faster.
        return np.multiply(steps, np.float32(1 / STEPS), dtype=np.float32, casting="unsafe")


class EuclideanScorer:
    """The distance between the embeddings as given, in steps of 2^-21 of the longest of them.

    Squares are taken apart into products in float64. There cancellation leaves equal embeddings at
    most 10^-7 of their length apart, which is less than half a step: they tie at 0.

    Args:
      embeddings: real [N, D] by image.
      order: int64 [N], the image in each row.
    """

    origin = 0
    size = 2 * STEPS + 1

    def __init__(self, embeddings: NDArray[np.generic], order: Int64):
        self._embeddings = embeddings[order].astype(np.float64)
        self._squares = np.einsum("nd,nd->n", self._embeddings, self._embeddings)
        self._step = euclidean_step(float(np.sqrt(self._squares.max())))

    def keys(self, rows: Rows, columns: Rows, workspace: Float32 | None = None) -> Int32:
        """See `Scorer`."""
        squares = self._embeddings[rows] @ self._embeddings[columns].T
        squares *= -2
        squares += self._squares[rows, None]
        squares += self._squares[columns]
        distances = np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
        return np.rint(np.divide(distances, self._step, out=distances)).astype(np.int32)

    def largest_equal(self, keys: Int32) -> Int32:
        """See `Scorer`."""
        return keys

    def distances(self, keys: Int32) -> Float32:
        """See `Scorer`."""
        return (keys * self._step).astype(np.float32)


def euclidean_step(longest: float) -> float:
    """What Euclidean distances are multiples of, given the length of the longest embedding.

    It is 2^-21 of the power of two that is next above (or equal), so that a key in steps is a
    float32 distance without rounding.
    """
    return 2.0 ** np.ceil(np.log2(longest)) / STEPS if longest else 1.0


class MatrixScorer:
    """Distances that are given; the key is the position among the distinct ones.

    Args:
      matrix: real [N, N], symmetric, of the images as they were given.
      order: int64 [N], the image in each row.
    """

    origin = 0

    def __init__(self, matrix: NDArray[np.generic], order: Int64):
        self._matrix = matrix
        self._order = order
        self._values = np.unique(matrix.astype(np.float32))
        self.size = len(self._values)

    def keys(self, rows: Rows, columns: Rows, workspace: Float32 | None = None) -> Int32:
        """See `Scorer`."""
        block = self._matrix[np.ix_(self._order[rows], self._order[columns])].astype(np.float32)
        return np.searchsorted(self._values, block).astype(np.int32)

    def largest_equal(self, keys: Int32) -> Int32:
        """See `Scorer`."""
        return keys

    def distances(self, keys: Int32) -> Float32:
        """See `Scorer`."""
        return self._values[keys]

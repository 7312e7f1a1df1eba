"""Embeddings in memory, to be searched: float32, or a quarter of that in int8."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from biometrics.arrays import Float32
from groundfloor.errors import UserError

FLOAT32 = "float32"
INT8 = "int8"
PRECISIONS = (FLOAT32, INT8)

# How far from 1 the length of an embedding may be that a model gives.
LENGTH_ROUNDING = 1e-3

_LEVELS = 127
# From so many queries on, int8 rows are made float32 in the cache and multiplied by BLAS.
BLAS_QUERIES = 4
# What a float32 product of unit vectors may be off by, times the square root of its terms.
_ROUNDING = 2.0**-23


class Rows(Protocol):
    """N unit vectors."""

    @property
    def slack(self) -> float:
        """How far the scores of two rows, in their true order, may be the other way round."""

    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """The memory that they take."""

    def scores(self, queries: Float32, block: slice) -> Float32:
        """About the cosines of queries, float32 [Q, D], to the B rows of a block: [Q, B]."""


@dataclass(frozen=True)
class Float32Rows:
    """As they are.

    Attributes:
      values: float32 [N, D], each of length 1.
    """

    values: Float32

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        """See `Rows`."""
        return self.values.nbytes

    @property
    def slack(self) -> float:
        """See `Rows`."""
        return 4 * _ROUNDING * float(np.sqrt(self.values.shape[1]))

    def scores(self, queries: Float32, block: slice) -> Float32:
        """See `Rows`."""
        return _product(queries, self.values[block])


@dataclass(frozen=True)
class Int8Rows:
    """Each in steps of 1/127 of its greatest number.

    By the inequality of Cauchy and Schwarz the cosine of a row is off by its `loss` at most, so
    that `slack` is no guess.

    Attributes:
      values: int8 [N, D].
      steps: float32 [N], what a number of the row is a multiple of.
      loss: the greatest distance of a row to what it stands for.
    """

    values: np.ndarray
    steps: Float32
    loss: float

    @classmethod
    def of(cls, values: Float32) -> "Int8Rows":
        """Rounds unit vectors, float32 [N, D]."""
        steps = np.abs(values).max(axis=1, initial=0) / np.float32(_LEVELS)
        levels = np.rint(values / steps[:, np.newaxis])
        lost = np.linalg.norm(values - levels * steps[:, np.newaxis], axis=1)
        return cls(levels.astype(np.int8), steps, float(lost.max(initial=0)))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        """See `Rows`."""
        return self.values.nbytes + self.steps.nbytes

    @property
    def slack(self) -> float:
        """See `Rows`."""
        return 2 * self.loss + 4 * _ROUNDING * float(np.sqrt(self.values.shape[1]))

    def scores(self, queries: Float32, block: slice) -> Float32:
        """See `Rows`."""
        values, steps = self.values[block], self.steps[block]
        kernel = _kernel()
        if kernel and len(queries) < BLAS_QUERIES:
            out = np.empty((len(queries), len(values)), np.float32)
            kernel.products(queries, values, steps, out)
            return out
        product = _product(queries, values.astype(np.float32))
        product *= steps
        return product


def check_precision(precision: str) -> None:
    """Checks a name of `PRECISIONS`.

    Raises:
      UserError: it is none.
    """
    if precision not in PRECISIONS:
        raise UserError(f"a precision is one of {', '.join(PRECISIONS)}. Received: {precision!r}")


def unit(vectors: np.ndarray) -> Float32:
    """Vectors of length 1, float32 [N, D]: what rounding has left of their lengths is removed."""
    exact = np.asarray(vectors, np.float64)
    return (exact / np.linalg.norm(exact, axis=1, keepdims=True)).astype(np.float32)


def _product(queries: Float32, values: Float32) -> Float32:
    if len(queries) == 1:  # a product of a matrix and a vector reads the matrix once
        return (values @ queries[0])[np.newaxis]
    return np.asarray(queries @ values.T)


@cache
def _kernel() -> Any:
    """What numba compiles; None where it is not installed."""
    try:
        from serving.gallery import int8_kernel  # noqa: PLC0415 - an extra, and a second
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        return None
    return int8_kernel

"""Products of float32 queries and int8 rows, compiled by numba: a row is read as it is stored."""

import os
from pathlib import Path

import numba
import numpy as np

_IS_WRITABLE = os.access(Path(__file__).parent, os.W_OK)


@numba.njit(nogil=True, cache=_IS_WRITABLE, fastmath={"reassoc", "contract", "nsz"})
def products(queries, values, steps, out):
    """Writes the product of each query, float32 [Q, D], and each row, int8 [B, D], into out.

    `steps` are float32 [B]; `out` is float32 [Q, B].
    """
    for row in range(len(values)):
        some = values[row]
        for query in range(len(queries)):
            numbers = queries[query]
            total = np.float32(0)
            for column in range(len(some)):
                total += numbers[column] * np.float32(some[column])
            out[query, row] = total * steps[row]

"""Pairs of 64-bit hashes that differ in few bits, in time that grows nearly as their number does.

Two hashes that differ in at most `SURE_BITS` bits are found for certain: the 64 bits are divided
into nine blocks, of which so many changed bits leave three untouched, and all 84 choices of three
blocks are tried (Manku, Jain and Das Sarma, "Detecting near-duplicates for web crawling", WWW
2007). Each choice is one sorting by some 21 bits, and equal ones then stand side by side. Of those
that differ in 8 bits at random places, some eight of ten are found, in 10 bits half.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

SURE_BITS = 6

_BLOCKS = 9
_CHOSEN = 3
_BITS = 64
# Neighbours that a hash is compared with, of those that have the same blocks.
WINDOW = 32
# Of those that are near a hash, as many are told, the nearest ones.
NEAREST = 16


@dataclass(frozen=True)
class NearHashes:
    """What was found.

    Attributes:
      pairs: int64 [P, 2], indices of two hashes, the lower one first; each pair once, in order.
      cut: how many hashes have so many like them that not all of these pairs are told.
    """

    pairs: NDArray[np.int64]
    cut: int


def near_hashes(hashes: NDArray[np.uint64], most: int) -> NearHashes:
    """Finds the pairs of hashes that differ in at most `most` bits.

    Args:
      hashes: uint64 [N].
      most: bits; up to `SURE_BITS` nothing is missed, unless `cut` says so.
    """
    order = np.argsort(hashes, kind="stable")  # equal ones are neighbours in each bucket then
    ordered = hashes[order]
    is_cut = np.zeros(len(hashes), bool)
    found = np.empty(0, np.uint64)
    for blocks in combinations(range(_BLOCKS), _CHOSEN):
        found = np.union1d(found, _pairs_of_bucket(ordered, _keys(ordered, blocks), most, is_cut))
    pairs = np.stack([found >> np.uint64(32), found & np.uint64(2**32 - 1)], axis=1).astype(int)
    pairs = pairs[_are_nearest(ordered, pairs, is_cut)]
    pairs = np.sort(order[pairs], axis=1)
    return NearHashes(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], int(is_cut.sum()))


def _are_nearest(
    hashes: NDArray[np.uint64], pairs: NDArray[np.int64], is_cut: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which pairs are among the `NEAREST` of either hash; sets `is_cut` of those that have more."""
    ends = pairs.T.ravel()
    bits = np.tile(differing_bits(hashes[pairs[:, 0]], hashes[pairs[:, 1]]), 2)
    order = np.lexsort((bits, ends))
    counts = np.bincount(ends, minlength=len(hashes))
    starts = np.cumsum(counts) - counts
    place = np.empty(len(ends), np.int64)
    place[order] = np.arange(len(ends)) - starts[ends[order]]
    is_cut |= counts > NEAREST
    is_near: NDArray[np.bool_] = place < NEAREST
    of_first, of_second = is_near.reshape(2, -1)
    return of_first | of_second


def differing_bits(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bits differ in each of two rows of hashes, uint64 [N]; int64 [N]."""
    bits = first ^ second
    count = np.zeros(len(bits), np.int64)
    for shift in range(0, _BITS, 16):
        count += _ONES[(bits >> np.uint64(shift)) & np.uint64(0xFFFF)]
    return count


_ONES = np.array([number.bit_count() for number in range(2**16)], np.uint8)


def _keys(hashes: NDArray[np.uint64], blocks: tuple[int, ...]) -> NDArray[np.uint64]:
    """The bits of some blocks of each hash, beside each other."""
    edges = [_BITS * block // _BLOCKS for block in range(_BLOCKS + 1)]
    keys = np.zeros(len(hashes), np.uint64)
    for block in blocks:
        width = edges[block + 1] - edges[block]
        part = (hashes >> np.uint64(edges[block])) & np.uint64(2**width - 1)
        keys = (keys << np.uint64(width)) | part
    return keys


def _pairs_of_bucket(
    hashes: NDArray[np.uint64], keys: NDArray[np.uint64], most: int, is_cut: NDArray[np.bool_]
) -> NDArray[np.uint64]:
    """Pairs of one key, at most `WINDOW` places apart: the first index in the upper 32 bits.

    Sets `is_cut` where there is more of the key beyond these.
    """
    together = np.sort((keys << np.uint64(32)) | np.arange(len(keys), dtype=np.uint64))
    keys, index = together >> np.uint64(32), together & np.uint64(2**32 - 1)
    live = np.flatnonzero(keys[1:] == keys[:-1])  # where the neighbour `step` places on is equal
    found = []
    for step in range(1, WINDOW + 1):
        if not len(live):
            break
        first, second = index[live], index[live + step]
        near = differing_bits(hashes[first], hashes[second]) <= most
        found.append((first[near] << np.uint64(32)) | second[near])
        live = live[: np.searchsorted(live, len(keys) - step - 1)]
        live = live[keys[live] == keys[live + step + 1]]
    is_cut[index[live]] = True
    return np.concatenate(found) if found else np.empty(0, np.uint64)

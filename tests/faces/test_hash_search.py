"""Pairs of hashes that differ in few bits."""

from itertools import combinations

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.hash_search import NEAREST, SURE_BITS, differing_bits, near_hashes

HASHES = st.integers(0, 2**64 - 1)


def flipped(number: int, bits: set[int]) -> int:
    return number ^ sum(1 << bit for bit in bits)


@given(HASHES, st.sets(st.integers(0, 63), max_size=SURE_BITS), st.lists(HASHES, max_size=20))
def test_a_hash_of_which_few_bits_changed_is_always_found(number, bits, others):
    hashes = np.array([number, *others, flipped(number, bits)], np.uint64)
    pairs = near_hashes(hashes, SURE_BITS).pairs.tolist()
    assert [0, len(hashes) - 1] in pairs


@given(st.lists(st.sets(st.integers(0, 63), max_size=5), min_size=2, max_size=25))
def test_what_is_found_is_what_comparing_all_finds(changes):
    hashes = np.array([flipped(0x123456789ABCDEF0, bits) for bits in changes], np.uint64)
    numbers = hashes.tolist()
    expected = [
        [first, second]
        for first, second in combinations(range(len(numbers)), 2)
        if (numbers[first] ^ numbers[second]).bit_count() <= SURE_BITS
    ]
    found = near_hashes(hashes, SURE_BITS)
    assert (found.pairs.tolist(), found.cut) == (expected, 0)


def test_most_of_those_that_differ_in_more_bits_are_found():
    draws = np.random.default_rng(0)
    first = draws.integers(0, 2**64, 500, dtype=np.uint64)
    second = np.array(
        [flipped(n, set(draws.permutation(64)[:8].tolist())) for n in first.tolist()], np.uint64
    )
    found = near_hashes(np.concatenate([first, second]), 10)
    assert len(found.pairs) >= 300


def test_nothing_near_is_no_pair():
    hashes = np.random.default_rng(0).integers(0, 2**64, 2_000, dtype=np.uint64)
    assert near_hashes(hashes, SURE_BITS).pairs.shape == (0, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_one_hash_or_none_has_no_pair(count):
    assert near_hashes(np.zeros(count, np.uint64), 10).pairs.shape == (0, 2)


def test_hashes_with_too_many_like_them_are_counted_and_not_all_compared():
    found = near_hashes(np.zeros(1_000, np.uint64), 10)
    assert found.cut == 1_000
    assert len(found.pairs) <= 1_000 * NEAREST
    assert set(found.pairs.ravel()) == set(range(1_000))
    assert near_hashes(np.zeros(NEAREST + 1, np.uint64), 10).cut == 0


def test_of_too_many_the_nearest_are_told():
    changes = [set(range(number // 8)) for number in range(40)]
    hashes = np.array([flipped(2**63, bits) for bits in changes], np.uint64)
    found = near_hashes(hashes, SURE_BITS)
    assert found.cut == 40
    equal = {
        pair for block in range(5) for pair in combinations(range(8 * block, 8 * block + 8), 2)
    }
    assert equal <= set(map(tuple, found.pairs.tolist()))


def test_bits_are_counted_as_imagehash_counts_them():
    draws = np.random.default_rng(1).integers(0, 2, (2, 50, 8, 8)).astype(bool)
    ours = [
        np.array([int(str(imagehash.ImageHash(bits)), 16) for bits in side], np.uint64)
        for side in draws
    ]
    theirs = [imagehash.ImageHash(a) - imagehash.ImageHash(b) for a, b in zip(*draws, strict=True)]
    assert differing_bits(*ours).tolist() == theirs

"""Counts by key."""

import numpy as np
import pytest

from biometrics.engine import key_counts
from biometrics.engine.kernels import NumpyKernel
from biometrics.engine.key_counts import KeyCounts, KeyList, KeyTable
from biometrics.engine.numba_kernels import NumbaKernel

KERNELS = (NumpyKernel(), NumbaKernel())
ORIGIN, SIZE = 100, 50
NOT_COUNTED = ORIGIN + SIZE


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(key_counts, "CHUNK", 4)


def count(table, keys):
    """Counts a block of keys as a kernel does, whatever the bytes hold."""
    keys = np.array(keys, np.int32)
    with table.counting(keys, np.count_nonzero(keys < NOT_COUNTED)) as counts:
        np.add.at(counts, keys - ORIGIN, np.uint8(1))


def assert_holds(counted, expected):
    """The keys that occur are those of a dictionary, and so are their counts."""
    assert (counted.keys.dtype, counted.counts.dtype) == (np.int32, np.int64)
    assert counted.keys.tolist() == sorted(expected)
    assert dict(zip(*map(np.ndarray.tolist, counted), strict=True)) == expected


@pytest.fixture(params=KERNELS, ids=["numpy", "numba"])
def kernel(request):
    return request.param


def test_blocks_of_several_threads_are_counted_together(kernel):
    table = KeyTable(ORIGIN, SIZE)
    first, second = table.bytes(kernel.sum_bytes), table.bytes(kernel.sum_bytes)
    count(first, [[120, 121], [121, 149]])
    count(second, [100, 121])
    count(first, [101])
    assert_holds(table.occurring(), {100: 1, 101: 1, 120: 1, 121: 3, 149: 1})


@pytest.mark.parametrize("often", [255, 256, 300, 512, 70_000])
def test_a_key_that_overflows_its_byte_in_one_block_is_counted_to_the_last_pair(kernel, often):
    table = KeyTable(ORIGIN, SIZE)
    counts = table.bytes(kernel.sum_bytes)
    count(counts, [110, 130])
    count(counts, [111] * often + [120])
    count(counts, [111])
    assert_holds(table.occurring(), {110: 1, 111: often + 1, 120: 1, 130: 1})


def test_a_key_that_fills_its_byte_block_by_block_is_counted_to_the_last_pair(kernel):
    table = KeyTable(ORIGIN, SIZE)
    counts = table.bytes(kernel.sum_bytes)
    for _ in range(9):
        count(counts, [117] * 90 + [118])
    assert_holds(table.occurring(), {117: 810, 118: 9})


def test_what_is_not_to_be_counted_is_not_however_often_it_comes(kernel):
    table = KeyTable(ORIGIN, SIZE)
    counts = table.bytes(kernel.sum_bytes)
    count(counts, [NOT_COUNTED] * 300 + [NOT_COUNTED - 1] * 2)
    count(counts, [NOT_COUNTED] * 300 + [140] * 300)
    assert_holds(table.occurring(), {140: 300, NOT_COUNTED - 1: 2})


@pytest.fixture
def handed_over(monkeypatch):
    """How many keys each range of counts has that is handed over from bytes."""
    seen, add = [], KeyTable.add

    def spy(table, counts, places):
        seen.append(int(np.sum(counts, dtype=np.int64)))
        add(table, counts, places)

    monkeypatch.setattr(KeyTable, "add", spy)
    return seen


def test_blocks_after_one_that_has_overflowed_stay_in_bytes(kernel, handed_over):
    table = KeyTable(ORIGIN, SIZE)
    counts = table.bytes(kernel.sum_bytes)
    for often in (10, 256, 20, 30):
        count(counts, [117] * often)
    assert handed_over == [256]
    table.occurring()
    assert handed_over == [256, 60]


def test_bytes_are_emptied_before_they_overflow(kernel, handed_over):
    table = KeyTable(ORIGIN, SIZE)
    counts = table.bytes(kernel.sum_bytes)
    for _ in range(9):
        count(counts, [117] * 60)
    assert handed_over == [240, 240]


def test_keys_that_are_not_counted_leave_a_block_in_bytes(kernel, handed_over):
    table = KeyTable(ORIGIN, SIZE)
    count(table.bytes(kernel.sum_bytes), [NOT_COUNTED] * 300 + [140])
    assert handed_over == []


def test_memory_that_no_key_needs_is_not_looked_at(monkeypatch):
    empty = np.empty

    def never_written(shape, dtype=float):
        return np.full(shape, 99, dtype) if dtype is np.int64 else empty(shape, dtype)

    monkeypatch.setattr(key_counts.np, "empty", never_written)
    table = KeyTable(ORIGIN, SIZE)
    table.add(np.array([3, 0, 4]), slice(21, 24))
    table.add(np.array([5]), slice(30, 31))
    table.add(np.array([6]), slice(2, 3))
    assert_holds(table.occurring(), {102: 6, 121: 3, 123: 4, 130: 5})


def test_a_table_without_a_pair_gives_nothing(kernel):
    table = KeyTable(ORIGIN, SIZE)
    table.bytes(kernel.sum_bytes)
    assert_holds(table.occurring(), {})


@pytest.mark.parametrize("most_waiting", [3, 1000])
def test_a_list_counts_the_same_however_many_wait(monkeypatch, most_waiting):
    monkeypatch.setattr(key_counts, "MOST_WAITING", most_waiting)
    counted = KeyList()
    for keys in ([7, 5, 7], [], [5], [9, 7], [7]):
        counted.add(np.array(keys, np.int32))
    assert_holds(counted.occurring(), {5: 2, 7: 4, 9: 1})


def test_a_list_without_a_key_gives_nothing():
    assert_holds(KeyList().occurring(), {})


def test_counts_are_summed_key_by_key():
    parts = [
        KeyCounts(np.array(keys, np.int32), np.array(counts, np.int64))
        for keys, counts in (([1, 4], [2, 3]), ([], []), ([4, 6], [10, 2**40]))
    ]
    assert_holds(KeyCounts.summed(parts), {1: 2, 4: 13, 6: 2**40})


def test_kernels_sum_bytes_modulo_two_to_the_32(kernel):
    values = np.full(2**25, 255, np.uint8)
    assert kernel.sum_bytes(values) == 255 * 2**25 % 2**32
    assert kernel.sum_bytes(values[:3]) == 765

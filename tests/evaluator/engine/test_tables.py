"""Counts by key."""

import numpy as np
import pytest

from components.evaluator.engine import tables
from components.evaluator.engine.tables import KeyTable, gather


def counts_of(table):
    counts = np.zeros(len(table.high), np.int64)
    table.add_to(counts, slice(len(counts)))
    return counts.tolist()


@pytest.mark.parametrize("has_bytes", [False, True])
def test_counts_are_kept_when_a_table_is_full(has_bytes):
    table = KeyTable(3, has_bytes=has_bytes)
    for _ in range(3):
        table.reserve(2**32 - 1)
        table.high[1] = 2**32 - 1
    assert counts_of(table) == [0, 3 * (2**32 - 1), 0]


def test_a_byte_and_what_it_carried_over_are_one_count():
    table = KeyTable(4, has_bytes=True)
    table.low[:] = [0, 7, 0, 255]
    table.high[:] = [0, 0, 768, 256]
    assert counts_of(table) == [0, 7, 768, 511]


def table_of(counts, *, has_bytes):
    table = KeyTable(len(counts), has_bytes=has_bytes)
    table.reserve(sum(counts))
    (table.low if has_bytes else table.high)[:] = counts
    return table


def test_tables_are_gathered_range_by_range_without_the_last_key(monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 2)
    first = table_of([1, 0, 2, 0, 0, 9], has_bytes=False)
    second = table_of([4, 0, 0, 0, 5, 9], has_bytes=True)
    keys, counts = gather([first, second], 5, 0)
    assert (keys.tolist(), counts.tolist()) == ([0, 2, 4], [5, 2, 5])


def test_what_lies_before_the_least_key_and_behind_the_last_pair_is_not_read(monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 2)
    table = table_of([0, 0, 0, 7, 3, 0, 0, 0, 0, 0], has_bytes=False)
    read, add_to = [], table.add_to

    def noting(counts, keys):
        read.append(keys)
        add_to(counts, keys)

    monkeypatch.setattr(table, "add_to", noting)
    keys, counts = gather([table], 9, 3)
    assert (keys.tolist(), counts.tolist()) == ([3, 4], [7, 3])
    assert read == [slice(9, 10), slice(3, 5)]


def test_tables_without_a_pair_give_nothing():
    keys, counts = gather([KeyTable(4, has_bytes=False)], 3, 99)
    assert (len(keys), len(counts)) == (0, 0)

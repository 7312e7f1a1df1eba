"""Counts by key."""

import numpy as np
import pytest

from components.evaluator.engine import tables
from components.evaluator.engine.tables import KeyTable, gather


@pytest.mark.parametrize("carries", [False, True])
def test_counts_are_kept_when_a_table_is_full(carries):
    table = KeyTable(3, carries=carries)
    unit = 256 if carries else 1
    for _ in range(2):
        table.reserve(unit * (2**32 - 1))
        table.high[1] = 2**32 - 1
    assert table.counts(slice(0, 3)).tolist() == [0, 2 * unit * (2**32 - 1), 0]


def test_a_byte_and_its_carries_are_one_count():
    table = KeyTable(4, carries=True)
    table.low[:] = [0, 7, 0, 255]
    table.high[:] = [0, 0, 3, 1]
    assert table.counts(slice(0, 4)).tolist() == [0, 7, 768, 511]


def table_of(counts, *, carries):
    table = KeyTable(len(counts), carries=carries)
    table.reserve(sum(counts))
    (table.low if carries else table.high)[:] = counts
    return table


def test_tables_are_gathered_range_by_range_without_the_last_key(monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 2)
    first = table_of([1, 0, 2, 0, 0, 9], carries=False)
    second = table_of([4, 0, 0, 0, 5, 9], carries=True)
    keys, counts = gather([first, second], 5, 0)
    assert (keys.tolist(), counts.tolist()) == ([0, 2, 4], [5, 2, 5])


def test_what_lies_before_the_least_key_and_behind_the_last_pair_is_not_read(monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 2)
    table = table_of([0, 0, 0, 7, 3, 0, 0, 0, 0, 0], carries=False)
    read = []

    def counts_of(keys):
        read.append(keys)
        return table.high[keys].astype(np.int64)

    monkeypatch.setattr(table, "counts", counts_of)
    keys, counts = gather([table], 9, 3)
    assert (keys.tolist(), counts.tolist()) == ([3, 4], [7, 3])
    assert read == [9, slice(3, 5)]


def test_tables_without_a_pair_give_nothing():
    keys, counts = gather([KeyTable(4, carries=False)], 3, 99)
    assert (len(keys), len(counts)) == (0, 0)

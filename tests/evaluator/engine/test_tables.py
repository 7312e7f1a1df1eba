"""Counts by key."""

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
    assert table.occurring(slice(0, 4)).tolist() == [False, True, True, True]


def test_tables_are_gathered_range_by_range_without_the_last_key(monkeypatch):
    monkeypatch.setattr(tables, "CHUNK", 2)
    first, second = KeyTable(6, carries=False), KeyTable(6, carries=True)
    first.high[:] = [1, 0, 2, 0, 0, 9]
    second.low[:] = [4, 0, 0, 0, 5, 9]
    keys, counts = gather([first, second], 5)
    assert (keys.tolist(), counts.tolist()) == ([0, 2, 4], [5, 2, 5])

"""What is sealed comes back, and lies on overflow pages alone."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gallery.sealing import PAGE, seal, unseal

LENGTHS = [0, 1, 100, 488, 489, 3500, 3572, 4000, 4092, 8000, 12345]


@given(st.binary(max_size=9000))
def test_what_is_sealed_comes_back(content):
    assert unseal(seal(content)) == content


@pytest.mark.parametrize("number", [1, 2**40])
@pytest.mark.parametrize("length", LENGTHS)
def test_no_page_of_a_tree_has_any_of_it(tmp_path, length, number):
    """The first byte of a leaf of a table is 13, which no overflow page here begins with."""
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, sealed BLOB)")
    for key in range(5):
        content = b"\xee" * length
        connection.execute(
            "INSERT INTO t VALUES (?, ?, ?, ?)", (key, number, number, seal(content))
        )
    connection.commit()
    connection.close()
    data = path.read_bytes()
    pages = [data[start : start + PAGE] for start in range(PAGE, len(data), PAGE)]
    assert sum(page.count(b"\xee") for page in pages) == 5 * length
    leaves = [page for page in pages if page[0] == 13]
    assert leaves
    assert not any(b"\xee" in page for page in leaves)

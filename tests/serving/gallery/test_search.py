"""The search finds the nearest, all of them, in either precision, whatever its blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gallery import rows as rows_module
from serving.gallery import search as search_module
from serving.gallery.rows import Float32Rows, Int8Rows, unit
from serving.gallery.search import distances_to, near_rows, nearest

KINDS = {"float32": Float32Rows, "int8": Int8Rows.of}


def drawn(seed, count, dimensions, people):
    """Clustered vectors, some of them equal; their people; and queries."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(people, dimensions))
    person = random.integers(people, size=count)
    values = unit(centres[person] + random.normal(size=(count, dimensions)) * 0.3)
    values[random.integers(count, size=count // 3)] = values[0]
    queries = unit(values[random.integers(count, size=3)] + random.normal(size=(3, dimensions)))
    return values, person, queries


def found_by(rows, values, queries, top, groups):
    results = []
    for query, near in zip(queries, near_rows(rows, queries, top, groups), strict=True):
        of = near if groups is None else groups[near]
        distances = distances_to(query, values[near], "cosine")
        results.append(nearest(near, distances, of, top, lambda row: f"{row % 7}"))
    return results


def by_sorting(values, query, top, groups):
    """The same by its definition: all distances, sorted."""
    distances = distances_to(query, values, "cosine").tolist()
    order = sorted(range(len(values)), key=lambda row: (distances[row], f"{row % 7}", row))
    first = {}
    for row in order:
        first.setdefault(row if groups is None else groups[row], (row, distances[row]))
    return list(first.values())[:top]


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 400),
    top=st.integers(1, 12),
    per_person=st.booleans(),
)
def test_it_finds_what_sorting_all_distances_finds(kind, seed, count, top, per_person):
    values, person, queries = drawn(seed, count, 16, people=9)
    groups = person if per_person else None
    found = found_by(KINDS[kind](values), values, queries, top, groups)
    assert found == [by_sorting(values, query, top, groups) for query in queries]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("queries", [1, 2, 30])
def test_blocks_and_threads_do_not_matter(kind, queries, monkeypatch):
    values, person, _ = drawn(1, 5000, 24, people=60)
    probes = unit(np.random.default_rng(2).normal(size=(queries, 24)))
    rows = KINDS[kind](values)
    whole = found_by(rows, values, probes, 10, person)
    monkeypatch.setattr(search_module, "_CELLS", 1)
    monkeypatch.setattr(search_module, "_LEAST_ROWS", 97)
    for cores in (1, 3):
        monkeypatch.setattr(search_module, "usable_cores", lambda cores=cores: cores)
        assert found_by(rows, values, probes, 10, person) == whole


def test_int8_is_the_same_without_numba(monkeypatch):
    values, person, queries = drawn(4, 800, 32, people=20)
    rows = Int8Rows.of(values)
    whole = found_by(rows, values, queries, 5, person)
    monkeypatch.setattr(rows_module, "_kernel", lambda: None)
    assert found_by(rows, values, queries, 5, person) == whole


def test_faiss_finds_the_same():
    faiss = pytest.importorskip("faiss")
    values = unit(np.random.default_rng(5).normal(size=(3000, 64)))
    queries = unit(np.random.default_rng(6).normal(size=(8, 64)))
    index = faiss.IndexFlatIP(64)
    index.add(values)
    wanted = index.search(queries, 10)[1].tolist()
    for make in KINDS.values():
        found = found_by(make(values), values, queries, 10, None)
        assert [[row for row, _ in each] for each in found] == wanted


@given(seed=st.integers(0, 1000))
def test_what_int8_stands_for_is_within_its_loss(seed):
    values, _, queries = drawn(seed, 50, 16, people=5)
    small = Int8Rows.of(values)
    stood_for = small.values * small.steps[:, np.newaxis]
    assert np.linalg.norm(values - stood_for, axis=1).max() <= small.loss * (1 + 1e-6)
    scores = small.scores(queries, slice(0, 50))
    assert np.abs(scores - queries @ values.T).max() <= small.slack / 2


def test_nobody_is_near_where_nobody_is():
    for make in KINDS.values():
        near = near_rows(make(np.empty((0, 8), np.float32)), unit(np.ones((2, 8))), 3)
        assert [len(each) for each in near] == [0, 0]

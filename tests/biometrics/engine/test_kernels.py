"""The kernels: both count alike, and the engine works without what is private or optional."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from biometrics.engine import kernels, local
from biometrics.engine.kernels import (
    NumpyKernel,
    Ranking,
    add_ones,
    add_ones_by_numpy,
    add_ones_by_scipy,
)
from biometrics.engine.numba_kernels import NumbaKernel
from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from tests.biometrics.cases import random_faces

ADDERS = [add_ones_by_scipy, add_ones_by_numpy]


def same_counts(pairs, others):
    """Whether both have the same integers, and the same distances."""
    return all(
        np.array_equal(one, other)
        for one, other in (
            (pairs.genuine.values, others.genuine.values),
            (pairs.genuine.counts, others.genuine.counts),
            (pairs.impostor.values, others.impostor.values),
            (pairs.impostor.counts, others.impostor.counts),
            (pairs.rank, others.rank),
        )
    )


@given(hnp.arrays(np.int32, st.integers(0, 600), elements=st.integers(0, 6)))
@pytest.mark.parametrize("adder", ADDERS)
def test_ones_are_added_to_what_is_there_modulo_256(adder, places):
    counts = np.array([0, 1, 2, 3, 200, 254, 255, 99], np.uint8)
    expected = counts + np.bincount(places, minlength=8)
    adder(counts, places)
    assert counts.dtype == np.uint8
    np.testing.assert_array_equal(counts, expected % 256)


@pytest.mark.parametrize("adder", ADDERS)
def test_ones_are_added_in_place_and_to_nothing_beyond_the_last_place(adder):
    table = np.zeros(100, np.uint8)
    adder(table[:60], np.array([59, 0, 59], np.int32))
    assert np.flatnonzero(table).tolist() == [0, 59]
    assert (table[0], table[59]) == (1, 2)


def test_without_the_private_loop_the_engine_counts_the_same(monkeypatch):
    embeddings, labels = random_faces()
    expected = score_pairs(embeddings, labels, kernel="numpy")
    monkeypatch.setattr(kernels, "csr_todense", None)
    counts = np.zeros(3, np.uint8)
    add_ones(counts, np.array([1, 1], np.int32))
    assert counts.tolist() == [0, 2, 0]
    assert same_counts(score_pairs(embeddings, labels, kernel="numpy"), expected)


@pytest.mark.parametrize("kernel", [NumpyKernel(), NumbaKernel()], ids=["numpy", "numba"])
def test_a_block_is_counted_ranked_and_listed_as_a_loop_would(kernel):
    rng = np.random.default_rng(0)
    keys = rng.integers(10, 30, (7, 130)).astype(np.int32)
    counts = np.zeros(20, np.uint8)
    ranking = Ranking(
        origin=10,
        row_limits=rng.integers(9, 30, 7).astype(np.int32),
        column_limits=rng.integers(9, 30, 130).astype(np.int32),
        row_ranks=np.ones(7, np.int64),
        column_ranks=np.ones(130, np.int64),
        tail_limit=12,
    )
    found = kernel.count_block(keys, counts, ranking)
    np.testing.assert_array_equal(counts, np.bincount(keys.ravel() - 10, minlength=20) % 256)
    np.testing.assert_array_equal(
        ranking.row_ranks, 1 + (keys <= ranking.row_limits[:, None]).sum(axis=1)
    )
    np.testing.assert_array_equal(
        ranking.column_ranks, 1 + (keys <= ranking.column_limits).sum(axis=0)
    )
    assert sorted(found) == np.flatnonzero(keys <= 12).tolist()


# --- With numba and without -----------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch):
    """The kernels that are made, where any number of pairs is worth loading numba."""
    seen, make = [], local._make_kernel
    monkeypatch.setattr(local, "_MANY_PAIRS_FOR_NUMBA", 0)
    monkeypatch.setattr(local, "_make_kernel", lambda name: seen.append(name) or make(name))
    return seen


def test_numba_is_taken_where_it_is_installed_and_there_are_enough_pairs(made):
    score_pairs(*random_faces(), threads=1)
    assert made == ["numba"]


def test_where_numba_cannot_be_imported_numpy_counts_the_same(made, monkeypatch):
    embeddings, labels = random_faces()
    with_numba = score_pairs(embeddings, labels, threads=1)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "biometrics.engine.numba_kernels")
    assert same_counts(score_pairs(embeddings, labels, threads=1), with_numba)
    assert made == ["numba", "numpy"]
    with pytest.raises(EvaluationError, match="needs the extra `fast`"):
        score_pairs(embeddings, labels, kernel="numba")


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from biometrics.engine import local
from biometrics.engine.pair_scores import score_pairs
local._MANY_PAIRS_FOR_NUMBA = 0
pairs = score_pairs([[0.0], [1.0], [5.0], [7.0]], list("aabb"), "euclidean")
print(*pairs.genuine.values, *pairs.impostor.values, *pairs.rank)
assert "biometrics.engine.numba_kernels" not in sys.modules
"""


def test_a_process_without_numba_counts():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["1.0", "2.0", "4.0", "5.0", "6.0", "7.0", "1", "1", "1", "1"]


def test_another_kernel_is_refused():
    with pytest.raises(EvaluationError, match=r"numpy or numba\. Received: 'cuda'"):
        score_pairs(*random_faces(), kernel="cuda")

"""Pairs by groups: counted as a loop would, and how often the intervals hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from biometrics.engine import distances
from biometrics.engine.pair_scores import score_pairs
from biometrics.groups import counts as group_counts
from biometrics.groups.counts import Slice, count_accepted, far_between
from tests.biometrics.cases import random_faces

PLACES = np.array([[0], [1], [3], [9], [2], [10], [20]], np.float32)
PERSON = np.array([0, 0, 1, 1, 2, 2, 3])
SLICE = Slice.of(list("xxxxyyz"))


@given(
    person=st.lists(st.integers(0, 3), min_size=2, max_size=12),
    data=st.data(),
    cells=st.sampled_from([1, 9, 2**21]),
)
def test_counts_equal_those_of_a_loop_over_all_pairs(person, data, cells):
    count = len(person)
    places = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    columns = [
        data.draw(st.lists(st.sampled_from("xyz"), min_size=count, max_size=count))
        for _ in range(2)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "BLOCK_CELLS", cells)
        counted = count_accepted(
            np.array(places, np.float32)[:, None],
            np.array(person),
            [Slice.of(column) for column in columns],
            3.0,
            "euclidean",
        )
    for column, counts in zip(columns, counted, strict=True):
        names = sorted(set(column))
        cells_of = {"impostor": {}, "false": {}, "genuine": {}, "accepted": {}}
        for i in range(count):
            for j in range(i):
                groups = tuple(sorted((names.index(column[i]), names.index(column[j]))))
                near = abs(places[i] - places[j]) <= 3
                kinds = ("genuine", "accepted") if person[i] == person[j] else ("impostor", "false")
                for kind in kinds[: 1 + near]:
                    cells_of[kind][groups] = cells_of[kind].get(groups, 0) + 1
        for g in range(len(names)):
            assert counts.genuine[g] == cells_of["genuine"].get((g, g), 0)
            assert counts.accepted[g] == cells_of["accepted"].get((g, g), 0)
            for h in range(len(names)):
                key = tuple(sorted((g, h)))
                assert counts.impostor[g, h] == cells_of["impostor"].get(key, 0)
                assert counts.false_accepts[g, h] == cells_of["false"].get(key, 0)


def test_the_cross_group_accepts_of_a_partition_are_all_false_accepts():
    embeddings, labels = random_faces(people=15, images=4)
    groups = [str(label % 4) for label in labels]
    (counts,) = count_accepted(embeddings, labels, [Slice.of(groups)], 0.4, "cosine")
    pairs = score_pairs(embeddings, labels)
    once = np.triu_indices(4)
    assert counts.false_accepts[once].sum() == pairs.impostor.at_most(0.4)
    assert counts.impostor[once].sum() == pairs.impostor.total


def test_many_images_are_compared_a_few_rows_at_a_time(monkeypatch):
    seen = []

    def spy(scorer, rows, columns):
        seen.append(rows.stop - rows.start)
        return distances.block_distances(scorer, rows, columns)

    monkeypatch.setattr(distances, "BLOCK_CELLS", 21)
    monkeypatch.setattr(group_counts, "block_distances", spy)
    count_accepted(PLACES, PERSON, [SLICE], 2.0, "euclidean")
    assert seen == [3, 3, 1]


# --- Intervals ----------------------------------------------------------------------------------


def error_of_leaving_out(is_accepted, person, group, first, second):
    """The standard error of a FAR between two groups by leaving out each person in turn."""
    one, other = np.array([(i, j) for i in range(len(person)) for j in range(i)]).T
    counted = (person[one] != person[other]) & (
        ((group[one] == first) & (group[other] == second))
        | ((group[one] == second) & (group[other] == first))
    )
    one, other = one[counted], other[counted]
    people = np.unique(person[np.concatenate([one, other])])
    rates = []
    for left_out in people:
        is_there = (person[one] != left_out) & (person[other] != left_out)
        rates.append(is_accepted[one, other][is_there].mean())
    return np.sqrt((len(people) - 1) * np.var(rates))


@pytest.mark.parametrize("groups", [(0, 1), (1, 1)])
def test_the_error_of_a_cross_group_far_is_that_of_the_jackknife(groups):
    embeddings, person = random_faces(people=60, images=3, dim=3)
    slice_ = Slice.of(np.where(person % 3, "most", "few"))
    counts = count_accepted(embeddings, person, [slice_], 0.5, "cosine")[0]
    far = far_between(slice_, counts, person, groups)
    assert far.value == counts.false_accepts[groups] / counts.impostor[groups]
    assert far.trials == counts.impostor[groups]
    assert (far.people, far.independent) == ((60, 20) if groups == (0, 1) else (40, 20))
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    expected = error_of_leaving_out(unit @ unit.T >= 0.5, person, slice_.group, *groups)
    assert far.standard_error == pytest.approx(expected)


def test_the_intervals_of_cross_group_fars_hold_the_truth():
    # People differ in how alike they are to others, and the women are more alike to each other.
    rng = np.random.default_rng(0)
    people, images, spread, noise, threshold = 24, 3, 0.06, 0.08, 0.5
    person = np.repeat(np.arange(people), images)
    woman = np.arange(people) % 2 == 0
    slice_ = Slice.of(np.where(woman[person], "female", "male"))
    means = np.where(woman[:, None] & woman, 0.62, 0.68)[np.ix_(person, person)]
    wide = np.sqrt(2 * spread**2 + noise**2)
    cells = {(0, 0): 0.62, (0, 1): 0.68, (1, 1): 0.68}
    held = dict.fromkeys(cells, 0)
    for _ in range(200):
        alike = spread * rng.normal(size=people)[person]
        matrix = means + alike[:, None] + alike
        matrix += noise * np.triu(rng.normal(size=matrix.shape), 1)
        matrix = np.triu(matrix, 1)
        matrix += matrix.T
        counts = count_accepted(None, person, [slice_], threshold, matrix)[0]
        for cell, mean in cells.items():
            low, high = far_between(slice_, counts, person, cell).interval()
            held[cell] += (low <= norm.cdf((threshold - mean) / wide) <= high) / 200
    for cell, share in held.items():
        assert 0.9 <= share <= 0.99, cell


def test_without_a_false_accept_the_interval_is_that_of_so_many_people_apart():
    counts = count_accepted(PLACES, PERSON, [SLICE], 0.5, "euclidean")[0]
    assert counts.false_accepts[0, 1] == 0
    low, high = far_between(SLICE, counts, PERSON, (0, 1)).interval()
    assert (low, high) == (0, pytest.approx(0.975))  # one pair of people in which nobody is twice


def test_without_a_pair_there_is_no_interval():
    counts = count_accepted(PLACES, PERSON, [SLICE], 2.0, "euclidean")[0]
    assert far_between(SLICE, counts, PERSON, (1, 1)) is None

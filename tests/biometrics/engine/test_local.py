"""Counting by blocks gives what sorting every distance would, on any kernel and threads."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.engine import counting, layout, listed, local
from biometrics.engine.layout import Layout
from biometrics.engine.pair_scores import score_pairs
from biometrics.engine.scorers import MARGIN, CosineScorer
from groundfloor import progress
from tests.biometrics.cases import expanded, faces, random_faces

KERNELS = ("numpy", "numba")


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few images, so that small sets have many of them."""
    monkeypatch.setattr(layout, "BLOCK", 7)
    monkeypatch.setattr(layout, "STRIP", 4)


def all_blocks(images):
    """The blocks that hold all pairs."""
    strips = [tile for strip in images.strips() for tile in layout.tiles(strip)]
    return [*images.blocks(), *strips]


def sorted_by_brute_force(pairs):
    """Genuine and impostor distances of the whole matrix, sorted, and the rank of each image."""
    matrix = np.zeros((pairs.images, pairs.images), np.float32)
    order = pairs.layout.order
    for block in all_blocks(pairs.layout):
        keys = np.triu(pairs.scorer.keys(block.rows, block.columns), block.top - block.left + 1)
        images = np.ix_(order[block.rows], order[block.columns])
        matrix[images] += np.where(keys == 0, 0, pairs.scorer.distances(keys))
    matrix += matrix.T
    same = pairs.identity[:, None] == pairs.identity
    above = np.triu(np.ones_like(same), 1)
    ranks = []
    for image in range(pairs.images):
        mates = np.setdiff1d(np.flatnonzero(same[image]), image)
        others = matrix[image][~same[image]]
        ranks.append(1 + np.sum(others <= matrix[image][mates].min()) if len(mates) else 0)
    return np.sort(matrix[same & above]), np.sort(matrix[~same & above]), ranks


def assert_same(first, second):
    """Both have the same integers everywhere."""
    for kind in ("genuine", "impostor"):
        for field in ("values", "counts"):
            ours, theirs = (getattr(getattr(pairs, kind), field) for pairs in (first, second))
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(first.rank, second.rank)
    for kind in ("genuine_sample", "impostor_sample"):
        ours, theirs = (getattr(pairs, kind) for pairs in (first, second))
        assert ours.tail == theirs.tail
        for field in ("first", "second", "distance"):
            tails = (getattr(sample, field)[: sample.tail] for sample in (ours, theirs))
            np.testing.assert_array_equal(*tails)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.usefixtures("small_blocks")
def test_the_counts_and_ranks_are_those_of_sorting_every_distance(distance, kernel):
    embeddings, labels = random_faces(people=13, images=5, dim=3, spread=1.2)
    labels[labels < 3] = 0  # somebody with many images, over several strips
    labels[:3] = [90, 91, 92]  # and some with a single one
    pairs = score_pairs(embeddings, labels, distance, kernel=kernel)
    genuine, impostor, ranks = sorted_by_brute_force(pairs)
    np.testing.assert_array_equal(expanded(pairs.genuine), genuine)
    np.testing.assert_array_equal(expanded(pairs.impostor), impostor)
    np.testing.assert_array_equal(pairs.rank, ranks)


@given(sample=faces(), kernel=st.sampled_from(KERNELS))
def test_tied_distances_are_counted_and_ranked_as_sorting_would(sample, kernel):
    pairs = score_pairs(*sample, kernel=kernel)
    genuine, impostor, ranks = sorted_by_brute_force(pairs)
    np.testing.assert_array_equal(expanded(pairs.genuine), genuine)
    np.testing.assert_array_equal(expanded(pairs.impostor), impostor)
    np.testing.assert_array_equal(pairs.rank, ranks)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.usefixtures("small_blocks")
def test_kernel_and_threads_change_no_integer(kernel, threads):
    embeddings, labels = random_faces(people=12, images=4, spread=2.0)
    assert_same(
        score_pairs(embeddings, labels, kernel=kernel, threads=threads),
        score_pairs(embeddings, labels, kernel="numpy", threads=1),
    )


def test_both_kernels_list_the_same_pairs_of_blocks_that_are_wide():
    embeddings, labels = random_faces(people=260, images=10, dim=4)
    assert_same(*(score_pairs(embeddings, labels, kernel=kernel) for kernel in KERNELS))


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_distance_that_occurs_very_often_is_counted_to_the_last_pair(kernel):
    labels = np.arange(1500) // 2
    pairs = score_pairs(np.ones((1500, 4)), labels, kernel=kernel)
    assert (pairs.genuine.total, pairs.impostor.total) == (750, 1500 * 1499 // 2 - 750)
    assert list(pairs.impostor.counts) == [pairs.impostor.total]
    assert set(pairs.rank) == {1 + 1498}


def test_copies_of_an_image_tie_wherever_they_stand_and_opposites_are_at_two():
    vectors = np.random.default_rng(0).normal(size=(400, 512)).astype(np.float32)
    embeddings = np.concatenate([vectors, -vectors, vectors, vectors])
    # Two of the copies are one person's, the third is somebody else's.
    labels = np.concatenate([np.arange(400), 1000 + np.arange(800), np.arange(400)])
    pairs = score_pairs(embeddings, labels)
    assert pairs.genuine.values[-1] <= 2**-20
    assert pairs.impostor.values[-1] >= 2 - 2**-20
    assert set(pairs.rank[:400]) == set(pairs.rank[-400:]) == {2}


class KeyMatrix(CosineScorer):
    """Has the keys that it is given."""

    def __init__(self, keys):
        self.matrix = np.array(keys, np.int32)

    def keys(self, rows, columns, workspace=None):
        return self.matrix[rows][:, columns].copy()


def test_a_mate_that_rounding_puts_below_zero_ties_with_an_impostor_at_zero():
    at_0 = CosineScorer.origin + MARGIN
    images = Layout.of(["a", "a", "b"])
    scorer = KeyMatrix(np.full((3, 3), at_0) - 3 * (np.arange(3)[:, None] + np.arange(3) == 1))
    assert scorer.matrix[0, 1] == at_0 - 3
    _, impostor = local.count_pairs(images, scorer)
    assert impostor.by_row.tolist() == [1, 1, 0]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("few", [16, 150])
def test_a_sample_holds_the_most_mistaken_pairs_and_stands_for_all_of_them(monkeypatch, few):
    embeddings, labels = random_faces(people=12, images=8, spread=2.0)
    complete = score_pairs(embeddings, labels)
    assert complete.genuine_sample.tail < complete.impostor_sample.tail  # listed: no few yet
    monkeypatch.setattr(counting, "LISTED_PAIRS", few)
    listed_few = score_pairs(embeddings, labels)
    for kind, nearest in (("impostor", True), ("genuine", False)):
        sample, scores = getattr(listed_few, f"{kind}_sample"), getattr(listed_few, kind)
        worst = expanded(scores)[:few] if nearest else expanded(scores)[::-1][:few]
        np.testing.assert_array_equal(sample.distance[:few], worst)
        whole = getattr(complete, f"{kind}_sample")
        assert (sample.tail, whole.tail) == (few, scores.total)
        for field in ("first", "second"):
            ours, theirs = (getattr(either, field)[:few] for either in (sample, whole))
            np.testing.assert_array_equal(ours, theirs)
        assert sample.copies.sum() == pytest.approx(scores.total)
        pairs = set(zip(sample.first, sample.second, strict=True))
        assert len(pairs) == len(sample.first) > few
        assert (sample.first < sample.second).all()


@pytest.mark.usefixtures("small_blocks")
def test_listed_pairs_have_the_distance_of_their_images():
    embeddings, labels = random_faces(people=6, images=4)
    pairs = score_pairs(embeddings, labels)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    for sample, is_genuine in ((pairs.genuine_sample, True), (pairs.impostor_sample, False)):
        assert set(labels[sample.first] == labels[sample.second]) == {is_genuine}
        cosines = np.sum(unit[sample.first] * unit[sample.second], axis=1)
        np.testing.assert_allclose(sample.distance, 1 - cosines, atol=2**-21)


def test_the_limit_of_the_nearest_pairs_is_never_so_low_that_none_are_found(monkeypatch):
    monkeypatch.setattr(counting, "LISTED_PAIRS", 20)
    embeddings, labels = random_faces(people=100, images=4)
    assert score_pairs(embeddings, labels).impostor_sample.tail == 20
    assert score_pairs(np.ones_like(embeddings), labels).impostor_sample.tail == 20


def test_memory_does_not_grow_with_the_number_of_pairs():
    def peak(images):
        embeddings, labels = random_faces(people=images // 10, images=10, dim=256)
        tracemalloc.start()
        score_pairs(embeddings, labels, kernel="numpy")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    # 63 million more pairs: 250 MB as float32, if they were kept.
    assert peak(12000) < peak(4200) + 60e6


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_tells_of_every_pair_once(threads):
    told = []
    progress.listen(told.append)
    try:
        embeddings, labels = random_faces()
        score_pairs(embeddings, labels, threads=threads)
    finally:
        progress.unlisten(told.append)
    assert sum(step.done for step in told) == len(labels) * (len(labels) - 1) // 2


def test_progress_says_how_long_the_rest_takes(small_blocks, monkeypatch):
    monkeypatch.setattr(progress, "_TIMED", 0.0)
    told = []
    progress.listen(told.append)
    try:
        score_pairs(*random_faces())
    finally:
        progress.unlisten(told.append)
    first, *others, last = [step.note for step in told]
    assert (first, last) == ("", "")
    assert others[-1].endswith(" %, about 0 s left")


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    def fail(*_):
        raise MemoryError("no more")

    monkeypatch.setattr(local.GenuineCounter, "add", fail)
    with pytest.raises(MemoryError, match="no more"):
        score_pairs(*random_faces(), threads=2)


def test_a_layout_covers_every_pair_once(monkeypatch):
    for side, strip in ((7, 4), (512, 128), (6, 6)):
        monkeypatch.setattr(layout, "BLOCK", side)
        monkeypatch.setattr(layout, "STRIP", strip)
        labels = np.random.default_rng(0).integers(0, 7, 60)
        images = Layout.of(labels)
        in_blocks = sum((b.bottom - b.top) * (b.right - b.left) for b in images.blocks())
        assert images.strip_pairs == 60 * 59 // 2 - in_blocks
        seen = np.zeros((60, 60), int)
        for block in all_blocks(images):
            assert block.bottom - block.top <= side
            assert block.right - block.left <= side
            row, column = np.mgrid[block.rows, block.columns]
            seen[block.rows, block.columns] += column > row
        np.testing.assert_array_equal(seen, np.triu(np.ones((60, 60), int), 1))
        assert images.genuine_pairs + images.impostor_pairs == 60 * 59 // 2


@pytest.mark.parametrize("rows", [100, 2**30])
def test_listed_pairs_are_sorted_by_key_and_rows_however_many_rows_there_are(rows):
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 2**20, 4).astype(np.int32)[rng.integers(0, 4, 300)]
    first, second = np.sort(rng.integers(0, rows, 6)[rng.integers(0, 6, (2, 300))], axis=0)
    shown = listed.ListedPairs(keys, first.astype(np.int32), second.astype(np.int32))
    kept = shown.leading(300, farthest=False)
    ours = list(zip(kept.keys, kept.first, kept.second, strict=True))
    assert ours == sorted(zip(keys, first, second, strict=True))


def test_a_tail_that_overflows_keeps_the_best_of_all_it_was_shown():
    rng = np.random.default_rng(0)
    keys = rng.integers(0, 50, 900).astype(np.int32)
    shown = listed.ListedPairs(keys, rng.integers(0, 30, 900), 30 + rng.permutation(900))
    tail = listed.Tail(10, limit=100)
    for start in range(0, 900, 30):
        part = shown.take(slice(start, start + 30))
        tail.add(part.take(np.flatnonzero(part.keys <= tail.limit)))
    expected = np.lexsort((shown.second, shown.first, keys))[:10]
    kept = tail.pairs().leading(10, farthest=False)
    np.testing.assert_array_equal(kept.second, shown.second[expected])
    assert len(tail.pairs()) <= 40
    assert tail.limit < 50

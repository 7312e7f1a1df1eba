"""Sets of images: what fits together, what is read from a file, and who is drawn."""

import io
from collections import Counter

import numpy as np
import pytest

from biometrics.embeddings import EmbeddingSet, ImageSet, draw_images
from biometrics.engine.pairs import score_pairs
from biometrics.errors import EvaluationError
from groundfloor.draws import Draw
from tests.biometrics.protocols.cases import random_set, reordered

DRAW = Draw.CLOSED_SET_GALLERY
ARRAYS = {
    "embeddings": np.float32([[1, 0], [0.5, 0.25], [0, 1]]),
    "identities": np.array(["anna", "anna", "bert"]),
    "keys": np.array(["anna/1", "anna/2", "bert/1"]),
}


@pytest.mark.parametrize(
    ("embeddings", "identities", "keys", "message"),
    [
        (1, ["a"], ["a/1"], "at least two images. Received: 1 and 1"),
        (0, [], [], "Received: 0 and 0"),
        (2, ["a", "b", "b"], ["a/1", "b/1"], "Received: 3 and 2"),
        (3, ["a", "b"], ["a/1", "b/1"], r"of each image. Received: .* shape \(3, 2\) for 2 images"),
        (2, ["a", "b"], ["a/1", "a/1"], "keys must be unique. Received: 2 keys, 1 of them"),
    ],
)
def test_what_does_not_fit_together_is_refused(embeddings, identities, keys, message):
    vectors = np.ones((embeddings, 2), np.float32)
    with pytest.raises(EvaluationError, match=message):
        EmbeddingSet(embeddings=vectors, identities=identities, keys=keys)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ([[1.0], [np.nan]], "must be finite. Received: NaN or infinity in 1 of 2 rows"),
        ([1.0, 2.0], r"numbers of shape \[N, D\]. Received: float64 of shape \(2,\)"),
        ([["1"], ["2"]], "must be numbers"),
    ],
)
def test_embeddings_that_are_no_finite_vectors_are_refused(embeddings, message):
    with pytest.raises(EvaluationError, match=message):
        EmbeddingSet(embeddings=np.array(embeddings), identities=["a", "b"], keys=["1", "2"])


def test_images_get_embeddings_in_their_order_and_keep_the_rest():
    images = ImageSet(identities=["a", "b"], keys=["1", "2"], pixels=lambda places: places)
    embedded = images.embedded(np.eye(2, dtype=np.float32))
    assert (embedded.identities, embedded.keys) == (["a", "b"], ["1", "2"])
    assert embedded.pixels is images.pixels
    np.testing.assert_array_equal(embedded.embeddings, np.eye(2))


def test_turns_number_the_images_of_each_person_and_depend_on_the_seed_alone():
    images = random_set()
    turns = images.turns(DRAW, seed=1)
    for person in range(12):
        assert sorted(turns[images.identity == person]) == [0, 1, 2, 3, 4]
    assert (turns != images.turns(DRAW, seed=2)).any()
    order = np.random.default_rng(3).permutation(len(turns))
    np.testing.assert_array_equal(reordered(images, order).turns(DRAW, seed=1), turns[order])


def test_pairs_are_scored_once_for_each_distance_by_whoever_comes_first():
    asked = []

    def score(embeddings, identities, distance):
        asked.append(distance)
        return score_pairs(embeddings, identities, distance)

    images = random_set()
    cosine = images.pairs("cosine", score)
    assert images.pairs("cosine") is images.pairs("cosine", score) is cosine
    assert images.pairs("euclidean", score) is not cosine
    assert asked == ["cosine", "euclidean"]


def written(folder, **changes):
    path = folder / "embeddings.npz"
    arrays = {name: array for name, array in (ARRAYS | changes).items() if array is not None}
    np.savez(path, **arrays)
    return path


def test_an_npz_is_read_as_it_was_written(tmp_path):
    images = EmbeddingSet.read_npz(written(tmp_path))
    np.testing.assert_array_equal(images.embeddings, ARRAYS["embeddings"])
    assert images.embeddings.dtype == np.float32
    assert images.identities == ["anna", "anna", "bert"]
    assert images.keys == ["anna/1", "anna/2", "bert/1"]
    assert images.pixels is None


def test_names_may_be_bytes_or_numbers(tmp_path):
    names = {"identities": np.array([7, 7, 12]), "keys": np.char.encode(["ä", "b", "c"], "utf-8")}
    images = EmbeddingSet.read_npz(str(written(tmp_path, **names)))
    assert images.identities == ["7", "7", "12"]
    assert images.keys == ["ä", "b", "c"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": None}, "needs the arrays embeddings, identities, keys. Received: embeddings, i"),
        ({"identities": np.array([["a"], ["b"], ["c"]])}, r"identities must be texts of shape"),
        ({"identities": np.array([0.5, 1, 2])}, "identities must be texts .* Received: float64"),
        ({"keys": np.array(["x", "y"])}, "Received: 3 and 2"),
        ({"keys": np.array([b"\xff", b"x", b"y"])}, "can't decode byte 0xff"),
        ({"embeddings": np.ones(3)}, r"numbers of shape \[N, D\]"),
        ({"embeddings": np.full((3, 2), np.inf)}, "must be finite"),
        ({"embeddings": np.array([{}, {}, {}])}, "Object arrays cannot be loaded"),
    ],
)
def test_an_npz_of_something_else_is_refused_with_its_name(tmp_path, changes, message):
    path = written(tmp_path, **changes)
    with pytest.raises(EvaluationError, match=rf"^cannot read embeddings from {path}: .*{message}"):
        EmbeddingSet.read_npz(path)


def npy(_):
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: b"", "it is no .npz"),
        (lambda _: b"key,embedding", "it is no .npz"),
        (npy, "it is no .npz"),
        (lambda content: content[:-40], "it is no .npz"),
        (lambda content: content.replace("anna".encode("utf-32-le"), b"x" * 16), "CRC"),
        (lambda content: content.replace(b"NUMPY", b"MUMPY"), "CRC"),
    ],
)
def test_what_is_no_npz_or_a_damaged_one_is_refused(tmp_path, change, message):
    path = written(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(EvaluationError, match=f"^cannot read embeddings from {path}: .*{message}"):
        EmbeddingSet.read_npz(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"nowhere\.npz: .*No such file"):
        EmbeddingSet.read_npz(tmp_path / "nowhere.npz")


def images_of(sizes):
    """People with so many images each."""
    people = [f"p{place}" for place, size in enumerate(sizes) for _ in range(size)]
    keys = [f"{person}/{place}" for place, person in enumerate(people)]
    return ImageSet(identities=people, keys=keys)


def sizes_of(images, drawn):
    """Person -> how many images were drawn of them."""
    return Counter(images.identities[image] for image in drawn)


def test_all_images_are_taken_where_they_are_few_enough():
    images = images_of([3, 1, 60])
    np.testing.assert_array_equal(draw_images(images, 64, Draw.BASELINE_PEOPLE, 0), np.arange(64))


def test_whole_people_are_drawn_and_about_as_many_images_as_asked_for():
    images = images_of([5] * 400)
    drawn = draw_images(images, 500, Draw.BASELINE_PEOPLE, 0)
    assert len(drawn) == 500
    assert set(sizes_of(images, drawn).values()) == {5}
    assert (np.diff(drawn) > 0).all()


def test_people_with_one_image_are_drawn_in_their_share_and_do_not_crowd_out_the_others():
    images = images_of([1] * 3000 + [4] * 500)
    counts = Counter(sizes_of(images, draw_images(images, 1000, Draw.BASELINE_PEOPLE, 0)).values())
    assert counts == {1: 600, 4: 100}


def test_one_person_with_most_of_the_images_leaves_room_for_the_others():
    images = images_of([5000, *[5] * 40])
    sizes = sizes_of(images, draw_images(images, 200, Draw.BASELINE_PEOPLE, 3))
    assert max(sizes.values()) <= 20
    assert len(sizes) > 20


@pytest.mark.parametrize("sizes", [[3000, 3000], [700, *[1] * 5000], [100] * 60])
def test_a_draw_has_genuine_and_impostor_pairs_as_all_images_have(sizes):
    images = images_of(sizes)
    drawn = sizes_of(images, draw_images(images, 1000, Draw.BASELINE_PEOPLE, 0))
    assert len(drawn) > 1
    assert max(drawn.values()) > 1
    assert sum(drawn.values()) <= 1100


def test_the_draw_follows_from_names_and_seed_and_not_from_the_order():
    images = images_of([5] * 100)
    backwards = ImageSet(identities=images.identities[::-1], keys=images.keys[::-1])

    def keys(split, **changes):
        options = {"draw": Draw.BASELINE_PEOPLE, "seed": 0} | changes
        return {split.keys[image] for image in draw_images(split, 100, **options)}

    assert keys(images) == keys(backwards)
    assert keys(images) != keys(images, seed=1)
    assert keys(images) != keys(images, draw=Draw.BASELINE_TRAINING_IMAGES)

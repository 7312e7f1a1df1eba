"""Which image goes to which split."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import UserError
from components.example_gen.folder import identity_of
from components.example_gen.splits import assign_splits


def keys_of(sizes: list[int]) -> list[str]:
    return [
        f"p{person:03d}/{shot}.jpg" for person, size in enumerate(sizes) for shot in range(size)
    ]


def disjoint(keys: list[str], test_split: float = 0.2, val_split: float = 0.2, seed: int = 1):
    return assign_splits(
        keys, mode="identity_disjoint", test_split=test_split, val_split=val_split, seed=seed
    )


def stratified(keys: list[str], test_split: float = 0.2, val_split: float = 0.1, seed: int = 1):
    return assign_splits(
        keys, mode="stratified", test_split=test_split, val_split=val_split, seed=seed
    )


many_sizes = st.lists(st.integers(3, 30), min_size=4, max_size=40)


@given(many_sizes, st.integers(0, 10))
def test_nobody_in_test_is_in_training(sizes, seed):
    splits = disjoint(keys_of(sizes), seed=seed)
    people = {
        split: {identity_of(key) for key, where in splits.items() if where == split}
        for split in ("train", "val", "test")
    }
    assert not people["test"] & (people["train"] | people["val"])
    assert people["val"] <= people["train"]


@given(many_sizes, st.integers(0, 10), st.randoms(use_true_random=False))
def test_the_order_of_the_listing_does_not_matter(sizes, seed, shuffler):
    keys = keys_of(sizes)
    shuffled = list(keys)
    shuffler.shuffle(shuffled)
    assert disjoint(keys, seed=seed) == disjoint(shuffled, seed=seed)
    assert set(disjoint(keys, seed=seed)) == set(keys)


@given(many_sizes, st.sampled_from([0.1, 0.2, 0.3, 0.5]))
def test_the_test_share_is_met_as_exactly_as_whole_identities_allow(sizes, share):
    splits = disjoint(keys_of(sizes), test_split=share)
    in_test = sum(split == "test" for split in splits.values())
    people = Counter(identity_of(key) for key, split in splits.items() if split == "test")
    rest = Counter(identity_of(key) for key, split in splits.items() if split != "test")
    if len(people) > 2 and len(rest) > 2:  # neither side is held up by its minimum of two
        missing = share * len(splits) - in_test
        assert all(abs(missing) <= abs(missing - size) for size in rest.values())


@given(many_sizes)
def test_the_val_share_is_met_to_the_image(sizes):
    splits = disjoint(keys_of(sizes), val_split=0.2)
    val = sum(split == "val" for split in splits.values())
    training = val + sum(split == "train" for split in splits.values())
    assert abs(val - 0.2 * training) <= 1


@pytest.mark.parametrize("sizes", [[2] * 40, [3, 2] * 20, [5] * 20])
def test_everybody_who_is_in_val_is_in_train_too(sizes):
    splits = disjoint(keys_of(sizes), val_split=0.6)
    people = {
        split: {identity_of(key) for key, where in splits.items() if where == split}
        for split in ("train", "val")
    }
    assert people["val"] <= people["train"]


def test_val_holds_out_some_images_of_people_with_few():
    # A fifth of three images rounds to one for each person, a tenth rounds to none: together they
    # still are a tenth.
    splits = disjoint(keys_of([3] * 40), test_split=0.25, val_split=0.1)
    assert Counter(splits.values()) == {"test": 30, "val": 9, "train": 81}


def test_orl_is_split_into_eight_test_people_and_one_val_image_each():
    splits = disjoint(keys_of([10] * 40), val_split=0.1)
    assert Counter(splits.values()) == {"test": 80, "val": 32, "train": 288}


def test_people_with_one_image_are_impostors_of_test():
    keys = [*keys_of([5] * 6), "lonely/1.jpg", "single/1.jpg"]
    splits = disjoint(keys)
    assert splits["lonely/1.jpg"] == splits["single/1.jpg"] == "test"


def test_another_seed_gives_another_assignment():
    keys = keys_of([10] * 20)
    assert disjoint(keys, seed=1) != disjoint(keys, seed=2)


def test_an_image_stays_where_it_is_when_others_of_its_person_arrive():
    before = disjoint(keys_of([10] * 20), val_split=0.0)
    after = disjoint([*keys_of([10] * 20), "p000/new.jpg"], val_split=0.0)
    moved = [key for key in before if before[key] != after[key]]
    assert not moved


@given(st.lists(st.integers(3, 20), min_size=2, max_size=20), st.integers(0, 5))
def test_stratified_has_everybody_in_every_split(sizes, seed):
    splits = stratified(keys_of(sizes), seed=seed)
    people = len(sizes)
    for split in ("train", "val", "test"):
        assert len({identity_of(k) for k, where in splits.items() if where == split}) == people


def test_stratified_meets_both_shares_of_all_images():
    splits = stratified(keys_of([20] * 10), test_split=0.2, val_split=0.1)
    assert Counter(splits.values()) == {"test": 40, "val": 20, "train": 140}


@pytest.mark.parametrize("sizes", [[], [5], [5, 5, 5], [5, 5, 5, 1, 1]])
def test_too_few_identities_is_one_clear_error(sizes):
    with pytest.raises(UserError, match="at least 4 identities with two or more images"):
        disjoint(keys_of(sizes))


def test_stratified_names_the_person_with_too_few_images():
    with pytest.raises(UserError, match=r"at least 3 images of every identity.*2 of 'p001'"):
        stratified(keys_of([5, 2, 5]))


def test_a_val_share_of_less_than_one_image_is_an_error():
    with pytest.raises(UserError, match=r"val_split=0\.01"):
        disjoint(keys_of([4] * 6), val_split=0.01)


def test_hostile_names_are_only_names():
    keys = keys_of([5] * 6) + [f"<script>\udcff\n/{shot}\U0001f600.jpg" for shot in range(5)]
    random.Random(0).shuffle(keys)
    assert set(disjoint(keys)) == set(keys)

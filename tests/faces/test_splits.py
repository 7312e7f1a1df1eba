"""Which image goes to which split."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.sources.folder import identity_of
from faces.splits import SplitReport, assign_splits, describe_splits
from groundfloor.errors import UserError


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


def in_test(splits: dict[str, str]) -> Counter[str]:
    return Counter(identity_of(key) for key, split in splits.items() if split == "test")


@given(
    st.lists(st.integers(2, 300), min_size=4, max_size=10),
    st.sampled_from([0.05, 0.2, 0.5, 0.9]),
    st.integers(0, 3),
)
def test_no_choice_of_whole_people_comes_nearer_to_the_test_share(sizes, share, seed):
    people = in_test(disjoint(keys_of(sizes), test_split=share, val_split=0.0, seed=seed))
    target = share * sum(sizes)
    nearest = min(
        abs(sum(chosen) - target)
        for count in range(2, len(sizes) - 1)
        for chosen in itertools.combinations(sizes, count)
    )
    assert 2 <= len(people) <= len(sizes) - 2
    assert abs(people.total() - target) == pytest.approx(nearest)


@given(st.lists(st.integers(2, 60), min_size=150, max_size=300), st.sampled_from([0.1, 0.2, 0.5]))
def test_the_test_share_of_many_people_is_met_to_the_image(sizes, share):
    people = in_test(disjoint(keys_of(sizes), test_split=share, val_split=0.0))
    assert abs(people.total() - share * sum(sizes)) <= 1


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("large", [[300], [125, 125], [100, 300]])
def test_a_few_people_with_many_images_do_not_fill_the_test_split(large, seed):
    sizes = [*large, *[5] * 60]
    people = in_test(disjoint(keys_of(sizes), val_split=0.0, seed=seed))
    assert people.total() == pytest.approx(0.2 * sum(sizes), abs=2.5)
    assert len(people) >= min(10, people.total() // 5)


@given(
    st.lists(st.integers(2, 40), min_size=30, max_size=120),
    st.integers(2, 40),
    st.integers(0, 20),
)
def test_a_person_more_moves_few_others(sizes, newcomer, seed):
    keys = keys_of(sizes)
    before = in_test(disjoint(keys, val_split=0.0, seed=seed))
    grown = [*keys, *(f"new/{shot}.jpg" for shot in range(newcomer))]
    after = in_test(disjoint(grown, val_split=0.0, seed=seed))
    assert len((before.keys() ^ after.keys()) - {"new"}) <= 12


@given(many_sizes)
def test_the_val_share_is_met_to_the_image(sizes):
    splits = disjoint(keys_of(sizes), val_split=0.2)
    val = sum(split == "val" for split in splits.values())
    training = val + sum(split == "train" for split in splits.values())
    assert abs(val - 0.2 * training) <= 1


@given(
    st.lists(st.integers(1, 8), min_size=10, max_size=40).filter(
        lambda sizes: sum(size > 1 for size in sizes) >= 4
    ),
    st.sampled_from([0.1, 0.3, 0.6]),
)
def test_val_leaves_everybody_two_images_to_train_on(sizes, share):
    splits = disjoint(keys_of(sizes), val_split=share)
    train = Counter(identity_of(key) for key, where in splits.items() if where == "train")
    assert min(train.values()) >= 2
    assert {identity_of(key) for key, where in splits.items() if where == "val"} <= train.keys()


def test_val_takes_nothing_of_two_images_and_at_most_one_of_three():
    splits = disjoint(keys_of([2] * 10 + [3] * 10), val_split=0.6)
    val = Counter(identity_of(key) for key, where in splits.items() if where == "val")
    assert set(val.values()) == {1}
    assert all(int(person[1:]) >= 10 for person in val)


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
def test_stratified_has_everybody_in_every_split_who_has_four_images(sizes, seed):
    splits = stratified(keys_of(sizes), seed=seed)
    people = {
        split: Counter(identity_of(key) for key, where in splits.items() if where == split)
        for split in ("train", "val", "test")
    }
    assert len(people["train"]) == len(people["test"]) == len(sizes)
    assert min(people["train"].values()) >= 2
    assert len(people["val"]) == sum(size >= 4 for size in sizes)


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


def test_hostile_names_are_only_names():
    keys = keys_of([5] * 6) + [f"<script>\udcff\n/{shot}\U0001f600.jpg" for shot in range(5)]
    random.Random(0).shuffle(keys)
    assert set(disjoint(keys)) == set(keys)


def described(sizes: list[int], test_split: float = 0.2, val_split: float = 0.1, **options):
    shares = {"test_split": test_split, "val_split": val_split}
    mode = options.get("mode", "identity_disjoint")
    splits = assign_splits(keys_of(sizes), mode=mode, **shares, seed=1)
    return describe_splits(splits, mode=mode, **shares)


def test_a_split_as_asked_for_is_described_without_a_remark():
    report = described([10] * 40)
    assert report == SplitReport(
        images={"train": 288, "val": 32, "test": 80},
        people={"train": 32, "val": 32, "test": 8},
        remarks=[],
    )
    assert SplitReport.from_json(report.to_json()) == report


def test_a_test_share_that_whole_people_cannot_meet_is_told_with_the_reason():
    assert described([300, 300, 5, 5]).remarks == [
        "the test split holds 10 of 610 images, a share of 0.016, which is the nearest to "
        "data.test_split=0.2: of whole people, 'p000' alone has 300 images"
    ]


def test_a_val_split_that_nobody_can_give_to_is_told():
    assert described([2] * 10).remarks == [
        "the val split holds 0 of 16 images, a share of 0.000, which is the nearest to "
        "data.val_split=0.1: everybody keeps 2 images to train on, where there are as many; "
        "training goes on without it"
    ]
    assert "holds 0 of 12 images" in described([4] * 5, val_split=0.01).remarks[-1]
    assert described([2] * 10, val_split=0.0).remarks == []


def test_impostors_of_a_single_image_are_told_and_no_part_of_the_share():
    assert described([1] * 50 + [5] * 20).remarks == [
        "50 people with a single image, such as 'p000', are impostors in the test split, on top "
        "of data.test_split"
    ]


def test_shares_that_a_closed_set_cannot_meet_are_told():
    test, val = described([3] * 8, mode="stratified").remarks
    assert test.startswith("the test split holds 8 of 24 images, a share of 0.333, which is")
    assert val.startswith("the val split holds 0 of 24 images")


def test_names_of_people_that_look_alike_are_told():
    keys = [
        f"{name}/{n}.jpg"
        for name in ("Ann", "ann", "Jos\u00e9", "Jose\u0301", "bob")
        for n in "1234"
    ]
    shares = {"mode": "identity_disjoint", "test_split": 0.4, "val_split": 0.0}
    remarks = describe_splits(assign_splits(keys, **shares, seed=1), **shares).remarks
    assert remarks == [
        "'Ann' and 'ann' count as different people",
        "'Jose\\u0301' and 'Jos\\xe9' count as different people",
    ]

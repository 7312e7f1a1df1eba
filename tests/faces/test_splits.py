"""Which image goes to which split."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faces.record import Record
from faces.splits import SplitReport, assign_splits, describe_splits
from groundfloor.errors import UserError
from tests.faces.records import record_of, records_of


def images_of(sizes: list[int]) -> list[Record]:
    return records_of(
        f"p{person:03d}/{shot}.jpg" for person, size in enumerate(sizes) for shot in range(size)
    )


def disjoint(images: list[Record], test_split: float = 0.2, val_split: float = 0.2, seed: int = 1):
    return assign_splits(
        images, mode="identity_disjoint", test_split=test_split, val_split=val_split, seed=seed
    )


def stratified(
    images: list[Record], test_split: float = 0.2, val_split: float = 0.1, seed: int = 1
):
    return assign_splits(
        images, mode="stratified", test_split=test_split, val_split=val_split, seed=seed
    )


many_sizes = st.lists(st.integers(3, 30), min_size=4, max_size=40)


@given(many_sizes, st.integers(0, 10))
def test_nobody_in_test_is_in_training(sizes, seed):
    splits = disjoint(images_of(sizes), seed=seed)
    people = {
        split: {image.identity for image, where in splits.items() if where == split}
        for split in ("train", "val", "test")
    }
    assert not people["test"] & (people["train"] | people["val"])
    assert people["val"] <= people["train"]


@given(many_sizes, st.integers(0, 10), st.randoms(use_true_random=False))
def test_the_order_of_the_listing_does_not_matter(sizes, seed, shuffler):
    images = images_of(sizes)
    shuffled = list(images)
    shuffler.shuffle(shuffled)
    assert disjoint(images, seed=seed) == disjoint(shuffled, seed=seed)
    assert set(disjoint(images, seed=seed)) == set(images)


def in_test(splits: dict[Record, str]) -> Counter[str]:
    return Counter(image.identity for image, split in splits.items() if split == "test")


@given(
    st.lists(st.integers(2, 300), min_size=4, max_size=10),
    st.sampled_from([0.05, 0.2, 0.5, 0.9]),
    st.integers(0, 3),
)
def test_no_choice_of_whole_people_comes_nearer_to_the_test_share(sizes, share, seed):
    people = in_test(disjoint(images_of(sizes), test_split=share, val_split=0.0, seed=seed))
    target = share * sum(sizes)
    nearest = min(
        abs(sum(chosen) - target)
        for count in range(2, len(sizes) - 1)
        for chosen in itertools.combinations(sizes, count)
    )
    assert 2 <= len(people) <= len(sizes) - 2
    assert abs(people.total() - target) == pytest.approx(nearest)


@given(
    st.lists(st.integers(2, 6), min_size=4, max_size=24),
    st.integers(0, 3),
    st.floats(0.01, 0.95),
    st.integers(0, 5),
)
@example([2] * 4, 0, 0.95, 1)  # nearest would be everybody
@example([2] * 20, 3, 0.95, 1)  # nearest would be all but one
@example([2] * 20, 3, 0.05, 1)  # nearest would be one
@example([200] * 130, 0, 0.01, 1)
def test_two_people_or_more_are_tested_and_as_many_trained_whatever_the_share(
    sizes, singles, share, seed
):
    splits = disjoint(images_of(sizes + [1] * singles), test_split=share, val_split=0.5, seed=seed)
    tested = [person for person, images in in_test(splits).items() if images > 1]
    trained = {image.identity for image, split in splits.items() if split == "train"}
    assert len(tested) >= 2
    assert len(trained) >= 2
    assert len(tested) + len(trained) == len(sizes)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("share", [0.05, 0.95])
def test_a_person_who_alone_is_the_whole_share_is_neither_tested_nor_trained_alone(share, seed):
    sizes = [3] * 99 + [16]  # of 313 images, 16 are the sum that is nearest to a twentieth
    people = in_test(disjoint(images_of(sizes), test_split=share, val_split=0.0, seed=seed))
    assert 2 <= len(people) <= len(sizes) - 2
    assert people.total() == pytest.approx(share * sum(sizes), abs=1.5)


@given(st.lists(st.integers(2, 60), min_size=150, max_size=300), st.sampled_from([0.1, 0.2, 0.5]))
def test_the_test_share_of_many_people_is_met_to_the_image(sizes, share):
    people = in_test(disjoint(images_of(sizes), test_split=share, val_split=0.0))
    assert abs(people.total() - share * sum(sizes)) <= 1


def test_the_test_share_of_a_thousand_people_is_met_however_many_are_taken_at_once():
    people = in_test(disjoint(images_of([3] * 1000), test_split=0.5, val_split=0.0))
    assert people.total() == 1500


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("large", [[300], [125, 125], [100, 300]])
def test_a_few_people_with_many_images_do_not_fill_the_test_split(large, seed):
    sizes = [*large, *[5] * 60]
    people = in_test(disjoint(images_of(sizes), val_split=0.0, seed=seed))
    assert people.total() == pytest.approx(0.2 * sum(sizes), abs=2.5)
    assert len(people) >= min(10, people.total() // 5)


@given(
    st.lists(st.integers(2, 40), min_size=30, max_size=120),
    st.integers(2, 40),
    st.integers(0, 20),
)
def test_a_person_more_moves_few_others(sizes, newcomer, seed):
    images = images_of(sizes)
    before = in_test(disjoint(images, val_split=0.0, seed=seed))
    grown = [*images, *records_of(f"new/{shot}.jpg" for shot in range(newcomer))]
    after = in_test(disjoint(grown, val_split=0.0, seed=seed))
    assert len((before.keys() ^ after.keys()) - {"new"}) <= 12


@given(many_sizes)
def test_the_val_share_is_met_to_the_image(sizes):
    splits = disjoint(images_of(sizes), val_split=0.2)
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
    splits = disjoint(images_of(sizes), val_split=share)
    train = Counter(image.identity for image, where in splits.items() if where == "train")
    assert min(train.values()) >= 2
    assert {image.identity for image, where in splits.items() if where == "val"} <= train.keys()


def test_val_takes_nothing_of_two_images_and_at_most_one_of_three():
    splits = disjoint(images_of([2] * 10 + [3] * 10), val_split=0.6)
    val = Counter(image.identity for image, where in splits.items() if where == "val")
    assert set(val.values()) == {1}
    assert all(int(person[1:]) >= 10 for person in val)


def test_val_holds_out_some_images_of_people_with_few():
    # A fifth of three images rounds to one for each person, a tenth rounds to none: together they
    # still are a tenth.
    splits = disjoint(images_of([3] * 40), test_split=0.25, val_split=0.1)
    assert Counter(splits.values()) == {"test": 30, "val": 9, "train": 81}


def test_orl_is_split_into_eight_test_people_and_one_val_image_each():
    splits = disjoint(images_of([10] * 40), val_split=0.1)
    assert Counter(splits.values()) == {"test": 80, "val": 32, "train": 288}


def test_people_with_one_image_are_impostors_of_test():
    lonely, single = singles = records_of(["lonely/1.jpg", "single/1.jpg"])
    splits = disjoint([*images_of([5] * 6), *singles])
    assert splits[lonely] == splits[single] == "test"


def test_another_seed_gives_another_assignment():
    images = images_of([10] * 20)
    assert disjoint(images, seed=1) != disjoint(images, seed=2)


def test_an_image_stays_where_it_is_when_others_of_its_person_arrive():
    before = disjoint(images_of([10] * 20), val_split=0.0)
    after = disjoint([*images_of([10] * 20), record_of("p000/new.jpg")], val_split=0.0)
    moved = [image for image in before if before[image] != after[image]]
    assert not moved


@given(st.lists(st.integers(3, 20), min_size=2, max_size=20), st.integers(0, 5))
def test_stratified_has_everybody_in_every_split_who_has_four_images(sizes, seed):
    splits = stratified(images_of(sizes), seed=seed)
    people = {
        split: Counter(image.identity for image, where in splits.items() if where == split)
        for split in ("train", "val", "test")
    }
    assert len(people["train"]) == len(people["test"]) == len(sizes)
    assert min(people["train"].values()) >= 2
    assert len(people["val"]) == sum(size >= 4 for size in sizes)


def test_stratified_meets_both_shares_of_all_images():
    splits = stratified(images_of([20] * 10), test_split=0.2, val_split=0.1)
    assert Counter(splits.values()) == {"test": 40, "val": 20, "train": 140}


def test_stratified_holds_nobody_out_where_nothing_is_to_be():
    splits = stratified(images_of([20] * 10), test_split=0.2, val_split=0.0)
    assert Counter(splits.values()) == {"test": 40, "train": 160}


@pytest.mark.parametrize("sizes", [[], [5], [5, 5, 5], [5, 5, 5, 1, 1]])
def test_too_few_identities_is_one_clear_error(sizes):
    with pytest.raises(UserError, match="at least 4 identities with two or more images"):
        disjoint(images_of(sizes))


def test_stratified_names_the_person_with_too_few_images():
    with pytest.raises(UserError, match=r"at least 3 images of every identity.*2 of 'p001'"):
        stratified(images_of([5, 2, 5]))


def test_hostile_names_are_only_names():
    hostile = records_of(f"<script>\udcff\n/{shot}\U0001f600.jpg" for shot in range(5))
    images = images_of([5] * 6) + hostile
    random.Random(0).shuffle(images)
    assert set(disjoint(images)) == set(images)


def test_whose_an_image_is_does_not_follow_from_its_key():
    images = [Record(f"{number}.jpg", f"p{number // 5}") for number in range(40)]
    tested = in_test(disjoint(images, test_split=0.25))
    assert sorted(tested.values()) == [5, 5]


def described(sizes: list[int], test_split: float = 0.2, val_split: float = 0.1, **options):
    shares = {"test_split": test_split, "val_split": val_split}
    mode = options.get("mode", "identity_disjoint")
    splits = assign_splits(images_of(sizes), mode=mode, **shares, seed=1)
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
    images = records_of(
        f"{name}/{n}.jpg"
        for name in ("Ann", "ann", "Jos\u00e9", "Jose\u0301", "bob")
        for n in "1234"
    )
    shares = {"mode": "identity_disjoint", "test_split": 0.4, "val_split": 0.0}
    remarks = describe_splits(assign_splits(images, **shares, seed=1), **shares).remarks
    assert remarks == [
        "'Ann' and 'ann' count as different people",
        "'Jose\\u0301' and 'Jos\\xe9' count as different people",
    ]


def given_splits(**images_of_people: str) -> list[Record]:
    """An image for each letter: ann="ttve" has two in train, one in val, one in test; "-" none."""
    names = {"t": "train", "v": "val", "e": "test", "-": None}
    return [
        Record(f"{person}/{number}", person, names.get(letter, letter))
        for person, letters in images_of_people.items()
        for number, letter in enumerate(letters)
    ]


def test_splits_of_the_source_are_taken_whatever_shares_and_seed_are():
    images = given_splits(ann="ttv", bob="tt", cy="ee", dan="ee")
    splits = disjoint(images, test_split=0.9, val_split=0.0, seed=7)
    assert splits == {image: image.split for image in images}
    report = describe_splits(splits, mode="identity_disjoint", test_split=0.9, val_split=0.0)
    assert report.images == {"train": 4, "val": 1, "test": 4}
    assert report.people == {"train": 2, "val": 1, "test": 2}
    assert report.remarks == [
        "the splits are those of the column split; data.test_split, data.val_split "
        "and data.val_people are not used"
    ]


def test_in_a_closed_set_the_source_may_put_people_in_test_who_are_in_train():
    images = given_splits(ann="tve", bob="te")
    assert stratified(images) == {image: image.split for image in images}


@pytest.mark.parametrize(
    ("assign", "people", "message"),
    [
        (disjoint, {"ann": "tt", "bob": "t-"}, "none for 1 of 4, such as 'bob/1'"),
        (disjoint, {"ann": "tt", "bob": "tX"}, "train, val, test. Received: 'X' for 'bob/1'"),
        (disjoint, {"ann": "tte", "bob": "tt", "cy": "ee"}, "no other split .* otherwise: 'ann'$"),
        (disjoint, {"ann": "tt", "bob": "vve", "cy": "tt"}, "in train. Received otherwise: 'bob'"),
        (disjoint, {f"p{n}": "te" for n in range(7)}, "'p0', 'p1', 'p2', 'p3', 'p4' and 2 more"),
        (disjoint, {"ann": "tt", "bob": "t", "cy": "ee", "d": "ee"}, "2 people .* in train. .*: 1"),
        (disjoint, {"ann": "tt", "bob": "tt", "cy": "ee", "d": "e"}, "2 people .* in test. .*: 1"),
        (disjoint, {"ann": "tt", "bob": "tt"}, "2 people with 2 or more images in test. .*: 0"),
        (stratified, {"ann": "te", "bob": "te", "cy": "e"}, "in train .*stratified.*: 'cy'"),
        (stratified, {"ann": "te", "bob": "t"}, "2 people with 1 or more images in test. .*: 1"),
    ],
)
def test_splits_of_the_source_that_cannot_be_used_are_an_error(assign, people, message):
    with pytest.raises(UserError, match=f"the column split.*{message}"):
        assign(given_splits(**people))

"""People who are held out whole, to validate a training on strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.record import Record
from faces.splits import assign_splits, describe_splits
from groundfloor.errors import UserError
from tests.faces.test_splits import images_of, in_test


def with_val_people(images: list[Record], share: float, seed: int = 1) -> dict[Record, str]:
    return assign_splits(
        images,
        mode="identity_disjoint",
        test_split=0.2,
        val_split=0.2,
        val_people=share,
        seed=seed,
    )


def people_in(splits: dict[Record, str], split: str) -> set[str]:
    return {record.identity for record, where in splits.items() if where == split}


@given(
    st.lists(st.integers(2, 9), min_size=12, max_size=40),
    st.floats(0.01, 0.5),
    st.integers(0, 5),
)
def test_val_people_are_strangers_to_the_training_and_the_test(sizes, share, seed):
    splits = with_val_people(images_of(sizes), share, seed)
    train, val, test = (people_in(splits, split) for split in ("train", "val", "test"))
    strangers = val - train
    assert not strangers & test
    trained = train | strangers
    assert len(strangers) == max(2, round(share * len(trained)))
    assert len(train) >= 2


def test_val_people_take_nobody_from_the_test_split():
    images = images_of([5] * 40)
    without, with_them = with_val_people(images, 0.0), with_val_people(images, 0.25)
    assert in_test(without) == in_test(with_them)
    assert people_in(without, "val") <= people_in(without, "train")
    assert len(people_in(with_them, "val") - people_in(with_them, "train")) == 8


def test_val_people_leave_two_to_train_on():
    with pytest.raises(UserError, match=r"data.val_people=0.5 holds out 2 .* Received: 3"):
        with_val_people(images_of([3] * 5), 0.5)


def test_val_people_are_told_and_no_part_of_the_val_share():
    options = {"mode": "identity_disjoint", "test_split": 0.2, "val_split": 0.2, "val_people": 0.2}
    splits = assign_splits(images_of([10] * 25), **options, seed=1)
    remarks = describe_splits(splits, **options).remarks
    assert remarks == [
        "4 people with 40 images are held out of the training whole, to validate on strangers "
        "(data.val_people)"
    ]

"""What `training.augmentation` may say."""

import pytest

from components.trainer.augmentation.choices import CHOICES, default_strengths, with_strengths


def test_a_name_has_its_default_and_a_strength_of_ones_own_stays():
    listed = ["flip", {"shift": 0.1}, {"jpeg": 1}]
    assert with_strengths(listed) == [{"flip": 0.5}, {"shift": 0.1}, {"jpeg": 1.0}]


def test_the_order_of_the_list_stays():
    assert with_strengths(["jpeg", "flip"]) == [{"jpeg": 0.2}, {"flip": 0.5}]


def test_what_comes_out_may_come_in():
    listed = with_strengths(list(CHOICES))
    assert with_strengths(listed) == listed


def test_the_default_is_what_the_demo_was_tuned_with():
    assert default_strengths() == {
        "flip": 0.5,
        "shift": 0.06,
        "rotation": 0.15,
        "zoom": 0.08,
        "brightness": 0.15,
        "contrast": 0.25,
        "erasing": 0.5,
    }


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("flip", r"must be a list such as .* Received: 'flip'"),
        (["flp"], r"did you mean flip\?.*Received: 'flp'"),
        (["x-ray"], "known: brightness, contrast, downscale, "),
        ([{"rotate": 0.1}], r"did you mean rotation\?"),
        ([["flip"]], "must list names or"),
        ([{"flip": 0.5, "zoom": 0.1}], "must list names or"),
        ([{"flip": 0}], "strength of flip must be above 0 and at most 1.0. Received: 0"),
        ([{"shift": 0.6}], "at most 0.5"),
        ([{"zoom": float("nan")}], "must be above 0"),
        ([{"zoom": True}], "must be above 0"),
        ([{"zoom": "much"}], "must be above 0"),
        (["flip", {"flip": 0.3}], "each change once. Received: flip twice"),
    ],
)
def test_another_list_is_refused_with_what_is_wrong(listed, message):
    with pytest.raises(ValueError, match=message):
        with_strengths(listed)

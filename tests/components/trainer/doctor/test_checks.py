"""What is said of labels and images before the first step."""

import re

import numpy as np
import pytest

from components.trainer.doctor.checks import (
    check_copies,
    check_labels,
    check_people,
    check_pixels,
    largest_share,
)


def images(number=8, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, 6, 5, channels), np.uint8)


def one(findings):
    (finding,) = findings
    assert "\n" not in finding.message
    return finding


def test_share_of_the_person_with_most_images():
    assert largest_share(np.array([3, 1, 3, 3])) == 0.75


def test_a_person_with_more_than_half_of_many_people_s_images_is_named():
    labels = np.concatenate([np.zeros(60, int), np.arange(1, 41)])
    finding = one(check_labels(labels, people=41))
    assert (finding.name, finding.hopeless) == ("one_person", False)
    assert "60%" in finding.message
    assert "training.sampler" in finding.message


@pytest.mark.parametrize(
    ("labels", "people"),
    [
        (np.arange(10), 10),
        ([0, 0, 0, 1, 1], 2),  # Two people share as they will.
        ([0] * 50 + list(range(1, 51)), 51),  # Just a half.
    ],
)
def test_uneven_people_are_left_alone(labels, people):
    assert check_labels(np.array(labels), people) == []


def test_with_two_people_three_quarters_are_most():
    assert check_labels(np.array([0] * 75 + [1] * 25), 2) == []
    assert one(check_labels(np.array([0] * 76 + [1] * 24), 2)).name == "one_person"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_that_show_something_are_left_alone(channels, dtype):
    assert check_pixels(images(channels=channels).astype(dtype)) == []


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (np.full((4, 6, 5, 1), 128, np.uint8), "each image is of one colour"),
        (
            np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1) * np.full((4, 6, 5, 3), 60),
            "one colour",
        ),
        (np.full((4, 6, 5, 3), [10, 90, 200], np.uint8), "one colour"),
        (np.tile(images(1), (4, 1, 1, 1)), "all images are alike"),
        (images() / 255.0, r"from 0 to 1 where \[0, 255\]"),
        (images() // 255, "one colour"),
    ],
    ids=["one grey", "greys", "one colour", "one image", "fractions", "zeros and ones"],
)
def test_constant_inputs_are_hopeless(pixels, what):
    finding = one(check_pixels(pixels))
    assert (finding.name, finding.hopeless) == ("constant_inputs", True)
    assert re.search(what, finding.message)
    assert "data.input_dir" in finding.message


def test_some_images_of_one_colour_are_left_alone():
    pixels = images(8)
    pixels[:3] = 0
    assert check_pixels(pixels) == []


def test_people_of_both_sides_are_named():
    finding = one(check_people(["ann", "bob", "cid"], ["bob", "dan"]))
    assert (finding.name, finding.hopeless) == ("val_people_in_training", False)
    assert "1 of 2, 'bob'" in finding.message
    assert "data.val_people" in finding.message


def test_of_many_people_the_first_are_named():
    names = [f"person {number}" for number in range(20)]
    assert "20 of 20" in (message := one(check_people(names, names)).message)
    assert "and 15 more" in message


@pytest.mark.parametrize("val", [[], ["dan"]])
def test_strangers_are_left_alone(val):
    assert check_people(["ann", "bob"], val) == []


def test_copies_are_counted():
    train, val = images(8), images(5, seed=1)
    val[3:] = train[:2]
    finding = one(check_copies(train, val))
    assert (finding.name, finding.hopeless) == ("val_images_in_training", False)
    assert "2 of 5" in finding.message
    assert "data.near_duplicates" in finding.message


def test_images_that_differ_in_one_pixel_are_no_copies():
    train = images(8)
    val = train.copy()
    val[:, 2, 3, 0] ^= 1
    assert check_copies(train, val) == []
    assert check_copies(train, []) == []

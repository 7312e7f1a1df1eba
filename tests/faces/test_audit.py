"""Doubtful labels: what was planted is found, and nothing else."""

import statistics
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces import audit
from faces.audit import audit_labels
from groundfloor.errors import UserError
from tests.faces.planted import Planted, around, plant, unit

PROMISED = 0.95


def rates(found, planted):
    """Precision and recall; of nothing they are 1."""
    hits = len(found & planted)
    return hits / len(found) if found else 1.0, hits / len(planted) if planted else 1.0


def found_in(planted):
    result = audit_labels(planted.embeddings, planted.identities)
    suspects = {suspect.index for suspect in result.suspects}
    same = {(pair.first, pair.second) for pair in result.same_people}
    return result, suspects, same


def one_person(count, seed, cosine=0.5):
    """Images of somebody: float32 [count, 128]."""
    rng = np.random.default_rng(seed)
    direction = unit(rng.normal(size=(1, 128)))
    return around(np.repeat(direction, count, axis=0), cosine, rng)


def crowd(people=30, count=8):
    """Well separated people, without a wrong label."""
    images = [one_person(count, seed) for seed in range(people)]
    return np.concatenate(images), [
        f"p{person:02d}" for person in range(people) for _ in range(count)
    ]


@pytest.mark.parametrize("cosine", [0.4, 0.5, 0.7])
@pytest.mark.parametrize("flips", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("splits", [0.0, 0.1, 0.6])
def test_what_was_planted_is_found_and_little_else(cosine, flips, splits):
    planted = plant(7, people=60, flips=flips, splits=splits, cosine=cosine)
    assert len(planted.wrong) == round(flips * len(planted.identities))
    _, suspects, same = found_in(planted)
    assert min(rates(suspects, planted.wrong)) >= PROMISED
    assert min(rates(same, planted.same)) >= PROMISED


@pytest.mark.slow
@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    people=st.integers(20, 60),
    flips=st.floats(0.01, 0.1),
    splits=st.floats(0.0, 0.3),
    cosine=st.floats(0.4, 0.8),
)
def test_that_holds_whatever_is_planted(seed, people, flips, splits, cosine):
    planted = plant(seed, people, flips, splits, cosine)
    _, suspects, same = found_in(planted)
    assert min(rates(suspects, planted.wrong)) >= PROMISED
    assert min(rates(same, planted.same)) >= PROMISED


def test_the_person_that_is_suggested_is_the_true_one():
    embeddings, identities = crowd()
    identities[0], identities[100] = "p05", "p20"
    result = audit_labels(embeddings, identities)
    found = {one.index: (one.identity, one.suggested) for one in result.suspects}
    assert found == {0: ("p05", "p00"), 100: ("p20", "p12")}


def test_right_labels_are_left_alone():
    result = audit_labels(*crowd())
    assert (result.suspects, result.same_people) == ([], [])


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_the_order_of_the_images_does_not_matter(seed):
    planted = plant(3)
    order = np.random.default_rng(seed).permutation(len(planted.identities))
    moved = Planted(
        planted.embeddings[order],
        [planted.identities[place] for place in order],
        {int(np.flatnonzero(order == place)[0]) for place in planted.wrong},
        planted.same,
    )
    assert found_in(moved)[1:] == (moved.wrong, moved.same)


def naive(embeddings, identities, suspects, same):
    """Own and other cosines and the nearest name, image by image; suspects are in no centre."""
    aliases = same | {(second, first) for first, second in same}
    for index, (image, name) in enumerate(zip(embeddings, identities, strict=True)):
        cosines = {}
        for person in sorted(set(identities)):
            members = [
                embeddings[place].astype(float)
                for place, other in enumerate(identities)
                if other == person and place != index and place not in suspects
            ]
            cosines[person] = float(unit(sum(members)) @ image) if members else None
        own = cosines.pop(name)
        others = {
            cosine: person
            for person, cosine in cosines.items()
            if cosine is not None and (name, person) not in aliases
        }
        yield own, max(others), others[max(others)]


def well_apart():
    planted = plant(1, people=12)
    return planted.embeddings, planted.identities


def hardly_apart():
    """Images that are often nearer to strangers."""
    planted = plant(1, people=12, cosine=0.02)
    return planted.embeddings, planted.identities


def in_families():
    """Half of the people look like one of their family."""
    rng = np.random.default_rng(1)
    people = rng.normal(size=(16, 128))
    people[1:8:2] += 0.6 * people[0:8:2]
    images = around(unit(people)[np.arange(128) % 16], 0.5, rng)
    return images, [f"p{image % 16}" for image in range(128)]


@pytest.mark.parametrize("data", [well_apart, hardly_apart, in_families])
def test_the_figures_are_those_of_an_independent_implementation(data):
    embeddings, identities = data()
    result = audit_labels(embeddings, identities)
    suspects = {one.index for one in result.suspects}
    same = {(pair.first, pair.second) for pair in result.same_people}
    expected = list(naive(embeddings, identities, suspects, same))
    assert result.own == pytest.approx([own for own, _, _ in expected], abs=1e-5)
    for one in result.suspects:
        assert (one.own, one.other) == pytest.approx(expected[one.index][:2], abs=1e-5)
        assert one.suggested == expected[one.index][2]
        assert one.margin == pytest.approx(one.other - one.own)
    margins = [one.margin for one in result.suspects]
    assert margins == sorted(margins, reverse=True)
    right = [row for index, row in enumerate(expected) if index not in suspects]
    genuine, strangers = [own for own, _, _ in right], [other for _, other, _ in right]
    halfway = (statistics.median(strangers) + statistics.median(genuine)) / 2
    limits = result.limits[""]
    margin = upper([other - own for own, other, _ in expected])
    assert limits.margin == pytest.approx(max(0.0, margin), abs=1e-5)
    assert limits.near == pytest.approx(min(upper(strangers), halfway), abs=1e-5)
    assert limits.near_alone == pytest.approx(statistics.median(genuine), abs=1e-5)
    listed = {
        index
        for index, (own, other, _) in enumerate(expected)
        if other - own > limits.margin and other >= limits.near
    }
    assert listed == suspects


def upper(values):
    middle = statistics.median(values)
    return middle + 3 * 1.4826 * statistics.median(abs(value - middle) for value in values)


def test_an_image_has_no_part_in_the_centre_that_it_is_held_against():
    embeddings, identities = crowd(count=2)
    result = audit_labels(embeddings, identities)
    pairs = np.einsum("nd,nd->n", embeddings[::2], embeddings[1::2])
    assert result.own == pytest.approx(np.repeat(pairs, 2), abs=1e-6)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 30), (30, 30)])
def test_the_likeness_of_one_person_is_about_one_however_many_images_there_are(sizes):
    embeddings, identities = crowd()
    images = one_person(sum(sizes), seed=99)
    names = ["x"] * sizes[0] + ["y"] * sizes[1]
    result = audit_labels(np.concatenate([embeddings, images]), identities + names)
    (pair,) = result.same_people
    assert (pair.first, pair.second) == ("x", "y")
    assert pair.likeness == pytest.approx(1, abs=0.12)
    assert result.suspects == []


def test_a_person_with_three_names_has_all_three_pairs():
    embeddings, identities = crowd()
    images = one_person(15, seed=99)
    names = ["x"] * 5 + ["y"] * 5 + ["z"] * 5
    result = audit_labels(np.concatenate([embeddings, images]), identities + names)
    pairs = {(pair.first, pair.second) for pair in result.same_people}
    assert pairs == {("x", "y"), ("x", "z"), ("y", "z")}
    assert result.suspects == []


@pytest.mark.parametrize("seed", range(3))
def test_a_second_name_with_wrong_images_is_held_as_a_whole_against_the_first(seed):
    """Where people look so much alike that the wrong images make another person of it."""
    rng = np.random.default_rng(seed)
    families = np.repeat(unit(rng.normal(size=(12, 128))), 3, axis=0)
    people = unit(np.sqrt(0.65) * families + np.sqrt(0.35) * unit(rng.normal(size=(36, 128))))
    embeddings = around(np.repeat(people, 10, axis=0), 0.5, rng)
    identities = [f"p{person:02d}" for person in range(36) for _ in range(10)]
    for place in (0, 1, 2, 100, 200):
        identities[place] = "second"
    result = audit_labels(embeddings, identities)
    assert [(pair.first, pair.second) for pair in result.same_people] == [("p00", "second")]
    assert {suspect.index for suspect in result.suspects} == {100, 200}


def test_the_limit_of_likeness_lies_between_strangers_and_the_halves_of_one_person():
    embeddings, identities = crowd(people=60, count=7)
    rng = np.random.default_rng(5)
    names = np.array(identities)
    for place in rng.permutation(420)[:60]:
        names[place] = f"p{rng.integers(60):02d}"
    result = audit_labels(embeddings, list(names))
    suspects = [suspect.index for suspect in result.suspects]
    kept = {
        name: np.setdiff1d(np.flatnonzero(names == name), suspects) for name in np.unique(names)
    }
    kept = {name: places for name, places in kept.items() if len(places) >= 2}
    cosine = statistics.median(mean_of_pairs(embeddings[places]) for places in kept.values())
    centres = {name: (embeddings[places].sum(axis=0), len(places)) for name, places in kept.items()}
    second = [
        sorted(likeness(*centres[one], *centres[other], cosine) for other in kept if other != one)[
            -2
        ]
        for one in kept
    ]
    halves = []
    for places in kept.values():
        mixed = rng.permutation(places)
        first, rest = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        sums = embeddings[first].sum(axis=0), embeddings[rest].sum(axis=0)
        halves.append(likeness(sums[0], len(first), sums[1], len(rest), cosine))
    lower = 2 * statistics.median(halves) - upper(halves)
    assert result.likeness == pytest.approx((upper(second) + lower) / 2, abs=0.04)


def mean_of_pairs(images):
    return np.mean((images @ images.T)[np.triu_indices(len(images), 1)])


def likeness(first, first_count, second, second_count, cosine):
    """Of two sums of images, by the formula of Spearman for averages of several measurements."""
    reliable = [
        count * cosine / (1 + (count - 1) * cosine) for count in (first_count, second_count)
    ]
    return float(unit(first) @ unit(second)) / np.sqrt(reliable[0] * reliable[1])


def test_a_wrong_image_is_found_between_two_names_of_one_person():
    embeddings, identities = crowd()
    images = one_person(10, seed=99)
    names = ["x"] * 5 + ["y"] * 5
    names[0] = "p00"
    identities[8] = "y"
    result = audit_labels(np.concatenate([embeddings, images]), identities + names)
    assert [(pair.first, pair.second) for pair in result.same_people] == [("x", "y")]
    assert {suspect.index for suspect in result.suspects} == {8, 240}


def test_of_single_images_only_those_very_near_to_somebody_else_are_suspects():
    embeddings, identities = crowd()
    centre = unit(embeddings[:8].sum(axis=0))[np.newaxis]
    near = around(centre, 0.95, np.random.default_rng(1))
    half_way = unit(centre + 1.5 * one_person(1, seed=999))
    strangers = np.concatenate([one_person(1, seed) for seed in range(1000, 1040)])
    names = ["near", "half-way", *(f"stranger {number}" for number in range(40))]
    everything = np.concatenate([embeddings, near, half_way, strangers])
    result = audit_labels(everything, identities + names)
    limits = result.limits[""]
    assert limits.near < (half_way @ centre.T)[0, 0] < limits.near_alone
    (suspect,) = result.suspects
    assert (suspect.identity, suspect.suggested, suspect.own) == ("near", "p00", None)
    assert suspect.margin is None
    assert suspect.other >= limits.near_alone
    assert result.same_people == []


def test_a_right_image_among_nothing_but_wrong_ones_is_no_suspect():
    embeddings, identities = crowd()
    identities[8] = identities[16] = "x"
    right = one_person(1, seed=99)
    result = audit_labels(np.concatenate([embeddings, right]), [*identities, "x"])
    assert {suspect.index for suspect in result.suspects} == {8, 16}
    assert np.isnan(result.own[-1])


def test_each_group_has_limits_of_its_own_and_a_small_one_those_of_all():
    blurred = np.concatenate([one_person(8, seed, cosine=0.3) for seed in range(100, 110)])
    embeddings, identities = crowd(people=20)
    names = [f"q{person}" for person in range(10) for _ in range(8)]
    everything = np.concatenate([embeddings, blurred])
    groups = ["sharp"] * 160 + ["blurred"] * 80
    result = audit_labels(everything, identities + names, groups)
    assert result.limits["blurred"].near_alone < 0.6 < result.limits["sharp"].near_alone
    few = ["most"] * 211 + ["few"] * 29
    limits = audit_labels(everything, identities + names, few).limits
    assert limits["few"] == audit_labels(everything, identities + names).limits[""]
    assert limits["few"] != limits["most"]


def test_blocks_of_any_size_give_the_same(monkeypatch):
    planted = plant(2)
    whole = found_in(planted)[1:]
    monkeypatch.setattr(audit, "_CELLS", 1000)
    assert found_in(planted)[1:] == whole


def test_memory_is_bounded_however_many_images_and_people_there_are(monkeypatch):
    """All cosines of 6,000 images to 2,000 people would take 48 MB, and those of the people 16."""
    monkeypatch.setattr(audit, "_CELLS", 2**16)
    rng = np.random.default_rng(0)
    embeddings = around(unit(rng.normal(size=(2000, 16)))[np.arange(6000) % 2000], 0.9, rng)
    identities = [str(image % 2000) for image in range(6000)]
    tracemalloc.start()
    try:
        audit_labels(embeddings, identities)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize(
    ("embeddings", "identities", "reason"),
    [
        (np.eye(4), ["a", "a", "b", "c"], "two people or more have two images or more"),
        (np.eye(4)[:0], [], "two people or more have two images or more"),
        (np.eye(4), ["a", "a", "b"], r"Received: \(4, 4\) for 3"),
        (np.eye(4)[0], ["a", "a", "b", "b"], r"Received: \(4,\) for 4"),
        (2 * np.eye(4), ["a", "a", "b", "b"], "4 embeddings are not of length 1"),
        (np.diag([1, 1, np.nan, 1]), ["a", "a", "b", "b"], "1 embeddings are not .* first at 2"),
    ],
)
def test_what_cannot_be_judged_is_refused(embeddings, identities, reason):
    with pytest.raises(UserError, match=reason):
        audit_labels(embeddings.astype(np.float32), identities)


def test_nobody_is_suspected_where_there_is_nobody_else_to_compare_with():
    """The third image takes the second person's centre away."""
    embeddings = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 0]]
    result = audit_labels(embeddings, ["a", "a", "a", "b", "b"])
    assert {suspect.index for suspect in result.suspects} <= {4}


def test_two_people_are_enough_and_equal_images_no_trouble():
    embeddings = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 1, 1]]
    result = audit_labels(embeddings, ["a", "a", "b", "b", "b", "a"])
    assert {suspect.index for suspect in result.suspects} == {2, 5}
    assert result.same_people == []

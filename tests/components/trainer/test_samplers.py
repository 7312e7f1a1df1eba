"""Which images come into which batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.trainer.samplers import SAMPLERS, balanced, by_image, by_people, steps_per_epoch

seeds = st.integers(0, 2**32 - 1)
labels_of_some = st.lists(st.integers(0, 9), min_size=1, max_size=80).map(np.array)


def batches_of(sampler, labels, batch_size=6, *, seed=1, epoch=0, images_per_person=2):
    return sampler(labels, batch_size, seed, epoch, images_per_person)


def counts(values, number):
    return np.bincount(np.ravel(values), minlength=number)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_the_order_is_of_seed_and_epoch_and_of_nothing_else(sampler):
    labels = np.arange(60) % 12
    first, again = (batches_of(sampler, labels) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.int64
    assert not np.array_equal(first, batches_of(sampler, labels, epoch=1))
    assert not np.array_equal(first, batches_of(sampler, labels, seed=2))


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@given(
    images=st.integers(24, 90), batch_size=st.sampled_from([2, 4, 6, 8]), epoch=st.integers(0, 9)
)
def test_every_epoch_has_as_many_steps(sampler, images, batch_size, epoch):
    labels = np.arange(images) % 12
    batches = batches_of(sampler, labels, batch_size, epoch=epoch)
    assert batches.shape == (steps_per_epoch(images, batch_size), batch_size)
    assert batches.min() >= 0
    assert batches.max() < images


@given(labels=labels_of_some, batch_size=st.integers(1, 100), seed=seeds)
def test_by_image_each_comes_once_but_for_less_than_a_batch(labels, batch_size, seed):
    drawn = by_image(labels, batch_size, seed, 0).ravel()
    assert len(set(drawn)) == len(drawn)
    assert len(labels) - len(drawn) < batch_size
    if len(labels) <= batch_size:
        assert sorted(drawn) == list(range(len(labels)))


def test_by_image_each_place_of_the_order_is_any_images():
    first = [by_image(np.zeros(8), 4, seed=3, epoch=epoch)[0, 0] for epoch in range(2000)]
    assert counts(first, 8).min() > 200  # of 250 expected


@given(
    per_person=st.lists(st.integers(1, 7), min_size=4, max_size=12),
    people_per_batch=st.integers(1, 4),
    images_per_person=st.integers(1, 4),
    seed=seeds,
)
def test_by_people_a_batch_has_people_who_differ_with_images_of_each(
    per_person, people_per_batch, images_per_person, seed
):
    labels = np.repeat(np.arange(len(per_person)), per_person)
    batch_size = people_per_batch * images_per_person
    batches = by_people(labels, batch_size, seed, 0, images_per_person)
    people = labels[batches].reshape(len(batches), people_per_batch, images_per_person)
    assert (people == people[:, :, :1]).all()
    for batch, of_people in zip(batches, people, strict=True):
        assert len(set(of_people[:, 0])) == people_per_batch
        for person in of_people[:, 0]:
            drawn = counts(batch, len(labels))[labels == person]
            most = -(-images_per_person // per_person[person])
            assert drawn.sum() == images_per_person
            assert drawn.max() <= most  # the same image again only where there are too few


@given(people=st.integers(4, 12), seed=seeds)
def test_by_people_they_take_turns(people, seed):
    labels = np.tile(np.arange(people), 8)
    batches = by_people(labels, 8, seed, 0, 2)
    rounds = len(batches) * 4 / (people // 4 * 4)
    drawn = counts(labels[batches], people) / 2
    assert drawn.max() <= np.ceil(rounds)


def test_by_people_the_images_of_one_take_turns():
    labels = np.tile(np.arange(4), 12)
    drawn = counts(by_people(labels, 8, 5, 0, 2), len(labels))
    assert drawn.min() == drawn.max() == 1


@given(
    per_person=st.lists(st.integers(1, 30), min_size=2, max_size=12),
    batch_size=st.integers(1, 16),
    seed=seeds,
)
def test_balanced_each_person_comes_as_often_and_so_does_each_of_their_images(
    per_person, batch_size, seed
):
    labels = np.repeat(np.arange(len(per_person)), per_person)
    drawn = balanced(labels, batch_size, seed, 0).ravel()
    of_people = counts(labels[drawn], len(per_person))
    assert of_people.max() - of_people.min() <= 1
    of_images = counts(drawn, len(labels))
    for person in range(len(per_person)):
        own = of_images[labels == person]
        assert own.max() - own.min() <= 1


@pytest.mark.parametrize("sampler", [by_people, balanced])
def test_labels_may_have_gaps(sampler):
    labels = np.repeat([3, 70, 900], 4)
    people, drawn = np.unique(labels[batches_of(sampler, labels)], return_counts=True)
    assert list(people) == [3, 70, 900]
    assert list(drawn) == [4, 4, 4]

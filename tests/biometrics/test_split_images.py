"""Which people are drawn where the images of all of them are too many."""

from collections import Counter

import numpy as np
import pytest

from biometrics.split_images import SplitImages, draw_images
from groundfloor.draws import Draw


def images_of(sizes):
    """A split of people with so many images each."""
    people = [f"p{place}" for place, size in enumerate(sizes) for _ in range(size)]
    keys = [f"{person}/{place}" for place, person in enumerate(people)]
    return SplitImages(people, keys, lambda images: np.zeros((len(images), 1, 1, 1), np.uint8))


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
    backwards = SplitImages(images.identities[::-1], images.keys[::-1], images.pixels)

    def keys(split, **changes):
        options = {"draw": Draw.BASELINE_PEOPLE, "seed": 0} | changes
        return {split.keys[image] for image in draw_images(split, 100, **options)}

    assert keys(images) == keys(backwards)
    assert keys(images) != keys(images, seed=1)
    assert keys(images) != keys(images, draw=Draw.BASELINE_TRAINING_IMAGES)

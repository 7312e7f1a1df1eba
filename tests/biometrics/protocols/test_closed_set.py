"""Closed-set identification, worked by hand."""

import numpy as np
import pytest

from biometrics.errors import EvaluationError
from biometrics.protocols.closed_set import ClosedSet
from tests.biometrics.protocols.cases import on_a_line, random_set, settings

# Enrolled: a at 0, b at 10, c at 7. c has no other image and never searches.
LINE = {"a/1": 0, "a/2": 1, "a/3": 6, "b/1": 10, "b/2": 9, "b/3": 5, "c/1": 7}


@pytest.mark.usefixtures("alphabetical")
def test_ranks_and_cmc_by_hand():
    result = ClosedSet().run(on_a_line(LINE), settings())
    # a/2: a 1, c 6, b 9 -> 1.   a/3: c 1, b 4, a 6 -> 3.
    # b/2: b 1, c 2, a 9 -> 1.   b/3: c 2, a 5, b 5: the tie counts against b -> 3.
    assert result.figures == {"Rank-1": 2 / 4, "Rank-2": 2 / 4, "Rank-3": 4 / 4}
    np.testing.assert_array_equal(result.curves["cmc"]["rank"], [1, 2, 3])
    np.testing.assert_array_equal(result.curves["cmc"]["rate"], [0.5, 0.5, 1.0])
    assert result.counts == {
        "mated_searches": 4,
        "gallery_images": 3,
        "enrolled_people": 3,
        "mated_people": 2,
    }


@pytest.mark.usefixtures("alphabetical")
def test_a_person_is_as_far_as_their_nearest_enrolled_image():
    result = ClosedSet(gallery_images=2).run(on_a_line(LINE), settings())
    # Enrolled: a at 0 and 1, b at 10 and 9, c at 7. a/3 at 6: c 1, b 3, a 5 -> 3.
    # b/3 at 5: c 2, a 4 and b 4 tie -> 3.
    assert result.figures == {"Rank-1": 0, "Rank-2": 0, "Rank-3": 1}
    assert result.counts["gallery_images"] == 5


def test_another_seed_enrols_other_images():
    test = random_set(people=30, images=8)
    rates = {ClosedSet().run(test, settings(seed=seed)).figures["Rank-1"] for seed in range(4)}
    assert len(rates) > 1


def test_nobody_left_to_search_is_an_error():
    with pytest.raises(EvaluationError, match=r"gallery_images=3 images. Received: 3 people"):
        ClosedSet(gallery_images=3).run(on_a_line(LINE), settings())

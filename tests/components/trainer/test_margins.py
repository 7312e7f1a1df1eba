"""Which margins the combined loss takes."""

import pytest

from components.trainer.margins import checked_margins


@pytest.mark.parametrize("margins", [[1.0, 0.3, 0.2], [0.9, 0.4, 0.15], [4, 0, 0], [1, 0, 1]])
def test_the_margins_of_the_papers_are_taken_as_they_are(margins):
    assert checked_margins(margins) == margins


@pytest.mark.parametrize(
    "margins",
    [[], [1.0], [1.0, 0.3, 0.2, 0.1], [0.4, 1.57, 0], [5, 0, 0], [1, 1.58, 0], [1, 0, -1]],
)
def test_margins_that_are_not_three_or_out_of_their_ranges_are_refused(margins):
    with pytest.raises(ValueError, match=r"must be \[m1, m2, m3\] with .*Received"):
        checked_margins(margins)


def test_margins_that_push_images_from_their_own_centre_are_refused():
    with pytest.raises(ValueError, match="pushed away from their own centre"):
        checked_margins([0.9, 0.3, 0.0])

"""How far work is, and how long the rest of it takes."""

import pytest

from groundfloor.progress import Pace, duration


def test_the_rest_takes_as_long_as_what_is_done_did():
    seconds = iter([100.0, 100.5, 130.0, 220.0, 300.0])
    pace = Pace(200, clock=lambda: next(seconds))
    assert pace.note(10) == ""
    assert pace.note(20) == "15 %, about 3 min left"
    assert pace.note(90) == "60 %, about 80 s left"
    assert pace.note(80) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (99, "99 s"), (360, "6 min"), (43_200, "12 h")]
)
def test_a_time_has_one_unit(seconds, words):
    assert duration(seconds) == words

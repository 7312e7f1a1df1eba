"""How large the measured images were, and which size is unlike theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.thresholds.measured_sizes import MeasuredSizes, describe_sizes

SIDE = st.integers(1, 5000)


@given(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=20))
def test_every_measured_size_is_like_itself(sizes):
    measured = describe_sizes(*zip(*sizes, strict=True))
    assert all(measured.unlike(*size) == [] for size in sizes)


def test_half_and_double_are_like_what_was_measured_and_beyond_is_not():
    measured = describe_sizes([112, 200], [92, 180])
    assert measured.unlike(56, 46) == measured.unlike(390, 360) == []
    assert measured.unlike(55, 45) == ["shorter side 45, where 92 to 180 was measured"]
    assert measured.unlike(420, 361) == ["shorter side 361, where 92 to 180 was measured"]


def test_a_face_that_is_squeezed_otherwise_is_named():
    measured = describe_sizes([100, 100], [80, 100])
    assert measured.unlike(100, 70) == measured.unlike(100, 120) == []
    assert measured.unlike(100, 60) == ["width over height 0.6, where 0.8 to 1 was measured"]
    assert measured.unlike(100, 130) == ["width over height 1.3, where 0.8 to 1 was measured"]


@pytest.mark.parametrize("side", [(1.0,) * 8, (2.0, *(1.0,) * 8), (0.0, *(1.0,) * 8)])
def test_what_cannot_be_sizes_is_refused(side):
    with pytest.raises(ValueError, match="quantiles above 0 that never fall"):
        MeasuredSizes(side, (1.0,) * 9)

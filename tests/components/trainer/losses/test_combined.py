"""The combined margin, and how it goes on where the sum of angles passes pi."""

import math

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.losses.arcface import ArcFace
from components.trainer.losses.combined import Combined, stretch_angle
from components.trainer.losses.cosface import CosFace

ANGLES = np.linspace(0.0, np.pi, 4001)
COSINES = np.cos(ANGLES).astype(np.float32)
NORMS = np.ones_like(COSINES)


def test_two_thirds_of_a_right_angle_doubled_and_thirty_degrees_more_worked_by_hand():
    # 2 * 60 + 30 = 150 degrees.
    result = stretch_angle(tf.constant([0.5]), 2.0, math.pi / 6)
    assert float(result[0]) == pytest.approx(-math.sqrt(3) / 2, rel=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5, 1.5])
def test_with_the_angular_margin_alone_it_is_arcface(margin):
    combined = Combined([1.0, margin, 0.0]).with_margin(COSINES, NORMS)
    arcface = ArcFace(margin).with_margin(COSINES, NORMS)
    # Where the two branches meet, rounding decides which is taken; they differ there.
    apart = np.abs(ANGLES + margin - np.pi) > 2e-3
    np.testing.assert_allclose(combined[apart], arcface[apart], atol=5e-4)


@pytest.mark.parametrize("margin", [0.0, 0.35, 1.0])
def test_with_the_margin_on_the_cosine_alone_it_is_cosface(margin):
    combined = Combined([1.0, 0.0, margin]).with_margin(COSINES, NORMS)
    np.testing.assert_allclose(combined, CosFace(margin).with_margin(COSINES, NORMS), atol=1e-6)


@pytest.mark.parametrize("m1", [0.9, 1.0, 1.35, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("m2", [0.32, 0.5, 1.57])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_it_never_rises_with_the_angle_whatever_the_margins(m1, m2, share):
    loss = Combined([m1, m2, 0.1])
    loss.margin_share.assign(share)
    assert np.diff(loss.with_margin(COSINES, NORMS)).max() <= 1e-6


@pytest.mark.parametrize(("m1", "m2"), [(1.35, 0.0), (2.0, 0.0), (4.0, 0.0), (1.0, 0.5)])
def test_beyond_a_sum_of_pi_each_cosine_is_lowered_by_the_same(m1, m2):
    beyond = COSINES[m1 * ANGLES + m2 > np.pi + 1e-2]
    lowered = np.asarray(stretch_angle(beyond, m1, m2)) - beyond
    assert np.ptp(lowered) < 1e-6
    assert lowered.max() <= -1.0 - math.cos((math.pi - m2) / m1) + 1e-6  # begins at -1 or below


@pytest.mark.parametrize(
    "margins",
    [[1.0, 0.3], [0.4, 1.5, 0.0], [1.0, -0.1, 0.0], [1.0, 1.6, 0.0], [1.0, 0.0, 2.0]],
)
def test_margins_out_of_range_are_refused(margins):
    with pytest.raises(ValueError, match=r"must be .*Received"):
        Combined(margins)

"""Cross-entropy with a margin: of what it is made, and how many arrays it takes."""

import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.losses.cross_entropy import margin_cross_entropy
from tests import ROOT


def test_loss_of_a_sure_and_right_answer_is_zero_and_of_a_wrong_one_the_distance_of_the_logits():
    cosines = tf.constant([[1.0, -1.0], [1.0, -1.0]])
    losses = margin_cross_entropy(cosines, tf.constant([0, 1]), tf.identity, 1000.0)
    np.testing.assert_allclose(losses, [0.0, 2000.0])


def test_margin_changes_the_targets_alone():
    cosines = tf.constant([[0.5, 0.25, 0.0]])
    loss = margin_cross_entropy(cosines, tf.constant([1]), lambda own: own - 0.25, 4.0)
    # Logits 2, 0 and 0.
    assert float(loss[0]) == pytest.approx(math.log(math.exp(2.0) + 2.0), rel=1e-6)


def test_gradient_of_the_target_goes_through_the_margin():
    cosines = tf.constant([[0.5, 0.25]])
    with tf.GradientTape() as tape:
        tape.watch(cosines)
        loss = margin_cross_entropy(cosines, tf.constant([0]), lambda own: 3.0 * own, 2.0)
    other = 1.0 / (1.0 + math.exp(2.0 * (1.5 - 0.25)))
    np.testing.assert_allclose(
        tape.gradient(loss, cosines), [[-2.0 * other * 3.0, 2.0 * other]], rtol=1e-5
    )


@pytest.mark.slow
def test_loss_and_gradient_take_one_array_beside_the_gradient_itself():
    done = subprocess.run(
        [sys.executable, "-m", "tests.components.trainer.losses.peak_of_gradient"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    if not done.stdout:
        pytest.skip("this system does not measure the peak of a call")
    assert 0.9 < float(done.stdout) < 2.2

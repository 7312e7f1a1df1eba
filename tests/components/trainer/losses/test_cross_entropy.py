"""Cross-entropy with a margin: of what it is made, and how many arrays it takes."""

import ctypes
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.losses.cross_entropy import margin_cross_entropy

IMAGES, CLASSES = 64, 2**18
ARRAY_MIB = IMAGES * CLASSES * 4 / 2**20  # above what malloc keeps for itself when it is freed


def status_mib(key: str) -> float:
    """A figure of this process in MiB, such as `VmRSS`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024


def peak_mib(run) -> float:
    """Memory at the peak of a call, beyond what there was before it."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed before would be taken again unseen
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except (AttributeError, OSError):
        pytest.skip("this system does not measure the peak of a call")
    before = status_mib("VmRSS")
    run()
    return status_mib("VmHWM") - before


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
    cosines = tf.random.stateless_uniform((IMAGES, CLASSES), (1, 2), -1.0, 1.0)
    labels = tf.range(IMAGES)

    @tf.function
    def gradient(cosines):
        with tf.GradientTape() as tape:
            tape.watch(cosines)
            losses = margin_cross_entropy(cosines, labels, lambda own: own - 0.35, 64.0)
        return tape.gradient(losses, cosines)

    gradient(cosines)  # traces
    kept = []
    peak = peak_mib(lambda: kept.append(gradient(cosines)))
    print(f"peak: {peak / ARRAY_MIB:.2f} arrays of [N, C], the gradient among them")
    assert 0.9 < peak / ARRAY_MIB < 2.2

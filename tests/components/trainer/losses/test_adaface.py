"""AdaFace's margins by the quality of an image, and the averages that they follow."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.losses.adaface import AdaFace
from components.trainer.losses.arcface import ArcFace
from components.trainer.losses.cosface import CosFace

COSINES = np.cos(np.linspace(0.7, 2.4, 9)).astype(np.float32)
BATCH = (np.eye(3, dtype=np.float32), np.arange(3))


def settled(mean: float = 20.0, deviation: float = 5.0, **arguments) -> AdaFace:
    loss = AdaFace(**arguments)
    loss.norm_mean.assign(mean)
    loss.norm_deviation.assign(deviation)
    return loss


def test_an_image_of_low_quality_has_arcfaces_margin():
    low = np.full(9, 0.5, np.float32)
    np.testing.assert_allclose(
        settled(margin=0.4).with_margin(COSINES, low),
        ArcFace(0.4).with_margin(COSINES, low),
        atol=1e-5,
    )


def test_an_image_of_average_quality_has_cosfaces_margin():
    average = np.full(9, 20.0, np.float32)
    np.testing.assert_allclose(
        settled(margin=0.4).with_margin(COSINES, average),
        CosFace(0.4).with_margin(COSINES, average),
        atol=1e-5,
    )


def test_quality_is_cut_at_one_either_way_and_h_of_a_deviation_otherwise():
    quality = settled(h=0.333).quality(np.array([0.0, 15.0, 20.0, 25.0, 90.0], np.float32))
    np.testing.assert_allclose(quality, [-1.0, -0.333, 0.0, 0.333, 1.0], atol=1e-3)


def test_averages_begin_as_the_authors_and_move_by_a_hundredth_of_each_batch():
    loss, mean, deviation = AdaFace(), 20.0, 100.0
    draws = np.random.default_rng(0)
    for _ in range(50):
        norms = draws.uniform(0.0, 130.0, 3).astype(np.float32)
        loss(*BATCH, norms, training=True)
        cut = np.clip(norms.astype(np.float64), 1e-3, 100.0)
        mean = 0.99 * mean + 0.01 * cut.mean()
        deviation = 0.99 * deviation + 0.01 * cut.std(ddof=1)
    assert float(loss.norm_mean) == pytest.approx(mean, rel=1e-5)
    assert float(loss.norm_deviation) == pytest.approx(deviation, rel=1e-5)


def test_a_batch_is_measured_by_averages_that_have_seen_it():
    loss, norms = AdaFace(), np.array([1.0, 50.0, 90.0], np.float32)
    losses = loss(*BATCH, norms, training=True)
    np.testing.assert_array_equal(losses, loss(*BATCH, norms))


def test_averages_stand_still_outside_of_training():
    loss = settled()
    loss(*BATCH, np.array([1.0, 50.0, 90.0], np.float32))
    assert (float(loss.norm_mean), float(loss.norm_deviation)) == (20.0, 5.0)


@pytest.mark.parametrize("norm", [0.0, 1e9])
def test_a_batch_of_one_image_leaves_the_averages_finite(norm):
    loss = AdaFace()
    one = np.array([[0.5, 0.1]], np.float32)
    loss(one, np.array([0]), np.array([norm], np.float32), training=True)
    assert np.isfinite([float(loss.norm_mean), float(loss.norm_deviation)]).all()
    assert float(loss.norm_deviation) == pytest.approx(99.0)


def test_norms_get_no_gradient():
    norms = tf.constant([3.0, 15.0, 40.0])
    with tf.GradientTape() as tape:
        tape.watch(norms)
        losses = settled()(*BATCH, norms)
    assert tape.gradient(losses, norms) is None


def test_averages_are_weights_that_are_kept_and_restored():
    loss, copy = settled(12.0, 3.0), AdaFace()
    copy.set_weights(loss.get_weights())
    norms = np.array([5.0, 12.0, 18.0], np.float32)
    np.testing.assert_array_equal(copy(*BATCH, norms), loss(*BATCH, norms))


@pytest.mark.parametrize("arguments", [{"margin": -0.1}, {"margin": 1.1}, {"h": 0.0}, {"h": 1.1}])
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        AdaFace(**arguments)

"""The figures of a step, against NumPy, and what is watched of the weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.doctor.statistics import WeightWatch, batch_statistics, gradient_norm


def reference(cosines, targets, norms, target_with_margin):
    """The same in NumPy, one image after the other."""
    own = np.array([row[target] for row, target in zip(cosines, targets, strict=True)])
    other = np.array([np.delete(row, t).max() for row, t in zip(cosines, targets, strict=True)])
    mean = cosines.mean(axis=0)
    return {
        "accuracy": np.mean(own > other),
        "angle_own": np.degrees(np.arccos(own)).mean(),
        "angle_nearest_other": np.degrees(np.arccos(other)).mean(),
        "embedding_norm": norms.mean(),
        "past_margin": np.mean(target_with_margin > other),
        "spread": 1 - (mean**2).sum() / (cosines**2).sum(axis=1).mean(),
    }


def drawn(images, centres, seed=0):
    draws = np.random.default_rng(seed)
    cosines = draws.uniform(-1, 1, (images, centres)).astype(np.float32)
    targets = draws.integers(0, centres, images)
    # Every other image is nearest to its own centre.
    cosines[np.arange(0, images, 2), targets[::2]] = 1.0
    with_margin = np.cos(np.arccos(cosines[np.arange(images), targets]) + 0.1)
    norms = draws.uniform(1, 9, images).astype(np.float32)
    return cosines, targets, norms, with_margin.astype(np.float32)


def values(statistics):
    return {name: float(value) for name, value in statistics.items()}


@pytest.mark.parametrize(("images", "centres"), [(1, 2), (7, 2), (33, 20), (8, 1000)])
def test_figures_are_those_of_numpy(images, centres):
    batch = drawn(images, centres)
    expected = reference(*(np.asarray(part, np.float64) for part in batch[:1]), *batch[1:])
    found = values(tf.function(batch_statistics)(*map(tf.constant, batch)))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_figures_are_finite_at_the_ends_and_at_zero():
    cosines = tf.constant([[1.0000002, -1.0000002], [0.0, 0.0]])
    found = values(batch_statistics(cosines, [0, 1], tf.zeros(2), tf.zeros(2)))
    assert np.isfinite(list(found.values())).all()
    zero = tf.zeros((3, 4))
    found = values(batch_statistics(zero, [0, 1, 2], zero[:, 0], zero[:, 0]))
    assert np.isfinite(list(found.values())).all()


def test_a_centre_that_is_as_near_as_the_own_one_counts_against_it():
    found = values(batch_statistics(tf.fill((5, 4), 0.5), [0, 1, 2, 3, 0], *[tf.fill(5, 0.5)] * 2))
    assert found["accuracy"] == found["past_margin"] == 0.0


def test_spread_tells_one_embedding_for_all_from_one_for_each():
    alike = np.tile(np.float32([[0.3, -0.2, 0.9]]), (6, 1))
    unlike = np.tile(np.eye(3, dtype=np.float32), (2, 1))
    labels, ones = np.arange(6) % 3, np.ones(6, np.float32)
    assert values(batch_statistics(alike, labels, ones, ones))["spread"] == pytest.approx(
        0.0, abs=1e-5
    )
    # Three directions in equal parts: their mean square is 1, the square of their mean 1/3.
    assert values(batch_statistics(unlike, labels, ones, ones))["spread"] == pytest.approx(2 / 3)


def test_the_figures_make_no_second_array_of_the_size_of_the_cosines():
    shape = (32, 500)
    graph = tf.function(batch_statistics).get_concrete_function(
        tf.TensorSpec(shape), *(tf.TensorSpec(32, d) for d in (tf.int64, tf.float32, tf.float32))
    )
    made = [
        output.name
        for op in graph.graph.get_operations()
        for output in op.outputs
        if output.shape.rank is not None
        and output.shape.num_elements() == 32 * 500
        and op.type not in {"Placeholder", "Reshape", "Identity"}  # Those copy nothing.
    ]
    assert made == []


def test_gradient_norm_is_the_length_of_all_gradients_as_one_vector():
    gradients = [tf.constant([3.0]), None, tf.constant([[0.0, 4.0]], tf.float16)]
    assert float(gradient_norm(gradients)) == pytest.approx(5.0)
    assert float(gradient_norm([None])) == 0.0


def test_movement_is_relative_to_the_weights_at_the_last_look():
    kernel = keras.Variable(np.full((3, 4), 2.0, np.float32))
    watch = WeightWatch([kernel])
    kernel.assign(kernel * 1.5)
    assert watch.change() == pytest.approx(0.5)
    assert watch.change() == 0.0


def test_movement_is_the_median_of_the_kernels_and_leaves_out_vectors():
    kernels = [keras.Variable(np.ones((2, 2), np.float32)) for _ in range(3)]
    bias = keras.Variable(np.zeros(2, np.float32))
    watch = WeightWatch([*kernels, bias])
    for kernel, factor in zip(kernels, (1.0, 1.1, 9.0), strict=True):
        kernel.assign(kernel * factor)
    bias.assign([5.0, 5.0])
    assert watch.change() == pytest.approx(0.1, rel=1e-4)


def test_a_sample_of_a_large_kernel_moves_as_all_of_it():
    draws = np.random.default_rng(0)
    before = draws.normal(size=(300, 500)).astype(np.float32)
    moved = before + 0.1 * draws.normal(size=before.shape).astype(np.float32)
    kernel = keras.Variable(before)
    watch = WeightWatch([kernel])
    kernel.assign(moved)
    expected = np.linalg.norm(moved - before) / np.linalg.norm(before)
    assert watch.change() == pytest.approx(expected, rel=0.05)

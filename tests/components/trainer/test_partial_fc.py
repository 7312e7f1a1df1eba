"""The head that trains with a sample of the classes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.trainer.heads import cosines_with
from components.trainer.partial_fc import PartialFC, draw_classes, permuted
from components.trainer.row_updates import SGDRule

RULE = SGDRule(momentum=0.9, weight_decay=5e-4)


def some_head(classes=50, rate=0.2, dimensions=4, **arguments) -> PartialFC:
    head = PartialFC(classes, rate, RULE, **{"seed": 0, **arguments})
    head.build((None, dimensions))
    return head


def unit(vectors) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def some_embeddings(count=6, dimensions=4) -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(count, dimensions)))


def seeds(step):
    return tf.stack([tf.constant(7, tf.int64), tf.cast(step, tf.int64)])


def in_many_steps(function, count):
    """What a function of the step gives in each of many steps, from one graph."""
    steps = tf.range(count, dtype=tf.int64)
    return tf.function(lambda: tf.map_fn(function, steps))().numpy()


@settings(max_examples=25)
@given(st.integers(2, 3000), st.integers(0, 2**32 - 1))
def test_a_permutation_has_every_place_once(size, seed):
    places = permuted(tf.range(size, dtype=tf.int64), size, tf.constant([seed, 0], tf.int64))
    np.testing.assert_array_equal(np.sort(places), np.arange(size))


@pytest.mark.parametrize("size", [2, 10, 97])
def test_every_place_goes_everywhere_equally_often(size):
    two = tf.range(2, dtype=tf.int64)
    first = in_many_steps(lambda step: permuted(two, size, seeds(step)), 4000)
    pairs, counts = np.unique(first, axis=0, return_counts=True)
    assert (first[:, 0] != first[:, 1]).all()
    for column in first.T:
        assert chi_square(np.bincount(column, minlength=size)) < 5
    if size <= 10:
        assert len(pairs) == size * (size - 1)
        assert chi_square(counts) < 5


def chi_square(counts):
    """Of counts that should be equal, as standard deviations from what chance has them be."""
    expected, freedom = counts.mean(), len(counts) - 1
    return (((counts - expected) ** 2).sum() / expected - freedom) / np.sqrt(2 * freedom)


@settings(max_examples=25)
@given(st.data())
def test_a_draw_has_every_label_once_and_first_and_then_others(data):
    classes = data.draw(st.integers(2, 60))
    count = data.draw(st.integers(2, classes))
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=20))
    drawn, targets = draw_classes(tf.constant(labels, tf.int64), classes, count, seeds(0))
    own = sorted(set(labels))
    assert drawn.numpy().tolist()[: len(own)] == own
    assert len(set(drawn.numpy())) == len(drawn) == max(count, len(own))
    assert np.isin(drawn, np.arange(classes)).all()
    np.testing.assert_array_equal(tf.gather(drawn, targets), labels)


def test_all_classes_but_the_batch_s_own_are_drawn_equally_often():
    labels = tf.constant([3, 8, 3], tf.int64)
    drawn = in_many_steps(lambda step: draw_classes(labels, 20, 6, seeds(step))[0], 3000)
    counts = np.bincount(drawn.ravel(), minlength=20)
    assert counts[[3, 8]].tolist() == [3000, 3000]
    others = np.delete(counts, [3, 8])
    assert others.sum() == 3000 * 4
    # Each is drawn in 4 of 18 steps; five standard deviations of the binomial.
    np.testing.assert_allclose(others, 3000 * 4 / 18, atol=5 * np.sqrt(3000 * 4 / 18 * 14 / 18))


def test_a_draw_follows_from_seed_step_and_labels_and_from_each_of_them():
    def rows(step=5, seed=0, labels=(1, 2)):
        return some_head(seed=seed).draw(tf.constant(labels), step).rows.numpy().tolist()

    assert rows() == rows()
    assert rows() != rows(step=6)
    assert rows() != rows(seed=1)
    assert rows() != rows(labels=(1, 3))


@pytest.mark.parametrize(("classes", "rate", "count"), [(50, 0.2, 10), (50, 1.0, 50), (3, 0.1, 2)])
def test_a_draw_has_its_share_of_the_classes_but_two_at_least(classes, rate, count):
    assert len(some_head(classes, rate).draw(tf.constant([0]), 0).rows) == count


def test_centres_of_a_class_are_drawn_together():
    head = some_head(classes=12, rate=0.5, sub_centres=3)
    every_class = head.draw(tf.range(12), 0)
    drawn = head.draw(tf.constant([4, 7]), 1)
    assert drawn.rows.shape == (6,)
    expected = tf.gather(tf.reshape(every_class.centres, (12, 3, 4)), drawn.rows)
    np.testing.assert_array_equal(drawn.centres, tf.reshape(expected, (18, 4)))


def test_with_several_centres_a_class_has_the_cosine_of_the_nearest():
    head = some_head(classes=12, rate=0.5, sub_centres=3)
    drawn = head.draw(tf.constant([4, 7]), 1)
    each = some_embeddings() @ unit(drawn.centres.numpy()).T
    expected = each.reshape(6, 6, 3).max(axis=-1)
    np.testing.assert_allclose(head.cosines(some_embeddings(), drawn), expected, atol=1e-6)


def take_step(head, embeddings, labels, step, rate=0.1):
    drawn = head.draw(labels, step)
    with tf.GradientTape() as tape:
        tape.watch([embeddings, drawn.centres])
        cosines = head.cosines(embeddings, drawn)
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(drawn.targets, 16.0 * cosines)
        )
    of_embeddings, of_centres = tape.gradient(loss, [embeddings, drawn.centres])
    head.update(drawn, of_centres, tf.constant(rate))
    return of_embeddings


@pytest.mark.parametrize("sub_centres", [1, 2])
def test_with_all_classes_it_trains_as_the_full_head_does(sub_centres):
    head = some_head(rate=1.0, sub_centres=sub_centres)
    every_class = tf.range(50, dtype=tf.int64)
    centres = keras.Variable(head.draw(every_class, 0).centres)
    optimizer = keras.optimizers.SGD(0.02, momentum=0.9, weight_decay=5e-4)
    optimizer.build([centres])
    embeddings = tf.constant(some_embeddings())
    for step in range(20):
        labels = tf.constant(np.random.default_rng(step).integers(0, 50, 6))
        take_step(head, embeddings, labels, step, rate=0.02)
        with tf.GradientTape() as tape:
            cosines = cosines_with(centres, embeddings, sub_centres)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, 16.0 * cosines)
            )
        optimizer.apply(tape.gradient(loss, [centres.value]), [centres])
    np.testing.assert_allclose(head.draw(every_class, 0).centres, centres, rtol=1e-5, atol=1e-6)


def test_cosines_to_all_classes_are_those_to_all_centres_and_change_nothing(monkeypatch):
    monkeypatch.setattr("components.trainer.partial_fc._BLOCK", 8)  # 50 are no multiple of it
    head = some_head(sub_centres=2)
    embeddings = tf.constant(some_embeddings())
    for step in range(5):
        take_step(head, embeddings, tf.constant([1, 2, 3, 4, 5, 6]), step)
    before = [variable.numpy() for variable in head.variables]
    drawn = head.draw(tf.range(50), 0)
    np.testing.assert_allclose(
        head(embeddings), cosines_with(drawn.centres, embeddings, 2), atol=1e-6
    )
    assert tf.function(head)(embeddings).shape == (6, 50)
    for variable, value in zip(head.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_step_makes_no_array_of_all_centres():
    head = some_head(classes=1000, rate=0.1, dimensions=3, window=64)

    @tf.function
    def step(embeddings, labels, number):
        return take_step(head, embeddings, labels, number)

    specifications = [
        tf.TensorSpec((6, 3)),
        tf.TensorSpec((6,), tf.int64),
        tf.TensorSpec((), tf.int64),
    ]
    graph = step.get_concrete_function(*specifications).graph
    operations = graph.get_operations()
    sizes = [out.shape.num_elements() or 0 for each in operations for out in each.outputs]
    assert max(sizes) < 1000 * 3
    assert "ResourceScatterUpdate" in {operation.type for operation in operations}


def test_a_head_restored_from_its_variables_goes_on_to_the_bit():
    def trained(head, first, last):
        embeddings = tf.constant(some_embeddings())
        step = tf.function(lambda labels, number: take_step(head, embeddings, labels, number))
        for number in range(first, last):
            labels = tf.constant(np.random.default_rng(number).integers(0, 50, 6))
            step(labels, tf.constant(number, tf.int64))
        return [variable.numpy() for variable in head.variables]

    whole, restored = some_head(window=8), some_head(window=8)
    for variable, value in zip(restored.variables, trained(whole, 0, 15), strict=True):
        variable.assign(value)
    for one, other in zip(trained(whole, 15, 30), trained(restored, 15, 30), strict=True):
        np.testing.assert_array_equal(one, other)


def test_first_centres_follow_from_the_seed_and_have_the_variance_of_glorot_s_initialiser():
    def first(seed):
        return some_head(classes=2000, dimensions=8, seed=seed).draw(tf.range(2000), 0).centres

    np.testing.assert_array_equal(first(0), first(0))
    assert np.abs(first(0) - first(1)).min() > 0
    assert np.std(first(0)) == pytest.approx(np.sqrt(2 / 2008), rel=0.03)


def accuracy_after_training(rate):
    """Of a linear map to embeddings, on points near the corners of a cube: 64 classes."""
    random = np.random.default_rng(0)
    corners = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1).T

    def batch(count):
        labels = random.integers(0, 64, count)
        return tf.constant(
            corners[labels] + random.normal(0, 0.2, (count, 6)), tf.float32
        ), tf.constant(labels)

    head = some_head(classes=64, rate=rate, dimensions=8)
    weights = tf.Variable(tf.random.stateless_normal((6, 8), (0, 0)))

    @tf.function
    def step(points, labels, number):
        with tf.GradientTape() as tape:
            embeddings = tf.math.l2_normalize(points @ weights, axis=-1)
        gradient = take_step(head, embeddings, labels, number)
        weights.assign_sub(0.1 * tape.gradient(embeddings, weights, gradient))

    for number in range(300):
        step(*batch(32), tf.constant(number, tf.int64))
    points, labels = batch(1000)
    cosines = head(tf.math.l2_normalize(points @ weights, axis=-1))
    return np.mean(np.argmax(cosines, axis=-1) == labels)


@pytest.mark.slow
def test_a_sample_of_the_classes_trains_as_well_as_all_of_them():
    sampled, full = accuracy_after_training(0.3), accuracy_after_training(1.0)
    assert full > 0.95
    assert sampled > full - 0.02


@pytest.mark.parametrize(
    "arguments",
    [{"classes": 1}, {"rate": 0.0}, {"rate": 1.5}, {"sub_centres": 0}],
)
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        some_head(**arguments)

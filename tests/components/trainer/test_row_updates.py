"""Updates of single rows, held against the dense updates of Keras' optimisers."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.row_updates import (
    AdamRule,
    LazyRows,
    RowUpdateError,
    SGDRule,
    row_rule_of,
)

ROWS, WIDTH, DRAWN = 30, 4, 5
ALL = tf.range(ROWS, dtype=tf.int64)


def some_rows(rule, window=16, seed=0) -> LazyRows:
    rows = LazyRows(rule, window)
    rows.build((ROWS, WIDTH))
    first = np.random.default_rng(seed).normal(0, 0.3, (ROWS, WIDTH))
    rows.assign_rows(ALL, tf.constant(first, tf.float32))
    return rows


def random_steps(count, gradient_scale=0.01, seed=0, highest=0.1):
    """(rows, gradient, rate) of each step; the rates rise and fall."""
    random = np.random.default_rng(seed)
    for number in range(count):
        drawn = random.choice(ROWS, DRAWN, replace=False)
        gradient = gradient_scale * random.normal(size=(DRAWN, WIDTH))
        rate = highest * (1.1 + math.sin(number / 20)) / 2
        yield tf.constant(drawn), tf.constant(gradient, tf.float32), tf.constant(rate, tf.float32)


def compiled_step(rows):
    @tf.function
    def step(drawn, gradient, rate):
        rows.update(drawn, rows.read(drawn), gradient, rate)

    return step


def largest_difference(optimizer, window, **arguments):
    """Of any weight after any of 300 steps from what the optimiser makes of all rows."""
    rows = some_rows(row_rule_of(optimizer), window)
    dense = keras.Variable(rows.read(ALL))
    optimizer.build([dense])
    step = compiled_step(rows)
    differences = []
    for drawn, gradient, rate in random_steps(300, **arguments):
        step(drawn, gradient, rate)
        optimizer.learning_rate.assign(rate)
        optimizer.apply([tf.scatter_nd(drawn[:, None], gradient, (ROWS, WIDTH))], [dense])
        differences.append(np.abs(rows.read(ALL) - dense).max())
    return max(differences)


@pytest.mark.parametrize(
    ("momentum", "decay", "window"),
    [(0.9, 0.05, 16), (0.9, 5e-4, 4096), (0.9, None, 16), (0.0, 0.05, 16), (0.5, 0.05, 2)],
)
def test_rows_of_sgd_are_those_of_the_dense_optimiser(momentum, decay, window):
    optimizer = keras.optimizers.SGD(0.1, momentum=momentum, weight_decay=decay)
    assert largest_difference(optimizer, window) < 1e-6


def test_rows_of_adam_are_those_of_the_dense_optimiser_where_epsilon_is_small():
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.05, epsilon=1e-12)
    assert largest_difference(optimizer, 16, highest=1e-3) < 1e-6


@pytest.mark.parametrize("gradient_scale", [1e-5, 1e-6, 1e-7, 1e-8])
def test_rows_of_adam_with_gradients_near_epsilon_differ_by_a_small_part_of_the_rate(
    gradient_scale,
):
    difference = largest_difference(
        keras.optimizers.Adam(1e-3), 16, highest=1e-3, gradient_scale=gradient_scale
    )
    assert difference < 0.1 * 1e-3


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_a_row_that_is_never_drawn_decays_all_the_same(optimizer):
    rows = some_rows(row_rule_of(optimizer(0.1, weight_decay=0.02)), window=8)
    first = rows.read(ALL).numpy()
    for _ in range(100):
        drawn = tf.constant([0], tf.int64)
        rows.update(drawn, rows.read(drawn), tf.ones((1, WIDTH)), tf.constant(0.1))
    expected = first[1:] * (1 - 0.1 * 0.02) ** 100
    np.testing.assert_allclose(rows.read(ALL)[1:], expected, rtol=1e-6)


def test_no_row_is_older_than_the_window():
    rows = some_rows(SGDRule(0.9, 0.0), window=7)
    for drawn, gradient, rate in random_steps(50):
        rows.update(drawn, rows.read(drawn), gradient, rate)
        age = rows.updates.numpy() - rows.last_updates.numpy()
        assert age.max() <= 6


def test_reading_changes_nothing():
    rows = some_rows(SGDRule(0.9, 0.01))
    for drawn, gradient, rate in random_steps(3):
        rows.update(drawn, rows.read(drawn), gradient, rate)
    before = [variable.numpy() for variable in rows.variables]
    rows.read(ALL)
    for variable, value in zip(rows.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("rule", [SGDRule(0.9, 0.01), AdamRule(0.9, 0.999, 1e-7, 0.01)])
def test_rows_that_are_restored_from_their_variables_go_on_to_the_bit(rule):
    whole, steps = some_rows(rule), list(random_steps(60))
    step = compiled_step(whole)
    for arguments in steps[:40]:
        step(*arguments)
    values = [variable.numpy() for variable in whole.variables]
    restored = some_rows(rule, seed=1)
    for variable, value in zip(restored.variables, values, strict=True):
        variable.assign(value)
    step_of_restored = compiled_step(restored)
    for arguments in steps[40:]:
        step(*arguments)
        step_of_restored(*arguments)
    for one, other in zip(whole.variables, restored.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_state_is_in_variables_and_none_of_it_is_trainable():
    rows = some_rows(AdamRule(0.9, 0.999, 1e-7, 0.0), window=16)
    assert {variable.name: tuple(variable.shape) for variable in rows.variables} == {
        "weights_of_rows": (ROWS, WIDTH),
        "momentum": (ROWS, WIDTH),
        "velocity": (ROWS, WIDTH),
        "last_updates": (ROWS,),
        "updates": (),
        "shrunk": (16,),
        "pulled": (16,),
    }
    assert rows.trainable_variables == []


def test_sgd_without_momentum_keeps_no_slot():
    assert SGDRule(0.0, 5e-4).slots == ()


def test_the_rule_has_the_numbers_of_the_optimiser():
    assert row_rule_of(keras.optimizers.SGD(0.1, 0.8, weight_decay=0.01)) == SGDRule(0.8, 0.01)
    adam = keras.optimizers.Adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3)
    assert row_rule_of(adam) == AdamRule(0.8, 0.9, 1e-3, 0.0)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.AdamW(0.1))
    assert row_rule_of(scaled) == AdamRule(0.9, 0.999, 1e-7, 0.004)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (keras.optimizers.RMSprop(), "not with RMSprop"),
        (keras.optimizers.SGD(momentum=0.9, nesterov=True), "works without nesterov"),
        (keras.optimizers.Adam(amsgrad=True), "works without amsgrad"),
        (keras.optimizers.SGD(gradient_accumulation_steps=4), "without gradient_accumulation"),
    ],
)
def test_an_optimiser_that_rows_cannot_follow_is_refused(optimizer, message):
    with pytest.raises(RowUpdateError, match=message):
        row_rule_of(optimizer)


def test_several_devices_are_refused(monkeypatch):
    several = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: several)
    with pytest.raises(RowUpdateError, match="one device"):
        LazyRows(SGDRule(0.9, 0.0)).build((ROWS, WIDTH))


def test_a_window_of_one_update_is_refused():
    with pytest.raises(ValueError, match="Received: 1"):
        LazyRows(SGDRule(0.9, 0.0), window=1)

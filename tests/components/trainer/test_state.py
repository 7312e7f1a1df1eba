"""The state of a training: every variable by a name of its own, and what callbacks remember."""

import json

import keras
import numpy as np
import pytest

from components.trainer.state import (
    StateError,
    are_finite,
    assign_values,
    best_weights_of,
    memory_of,
    recall,
    recall_best_weights,
    replay,
    values_of,
    variables_by_name,
)


def variables():
    """Two of one group and one of another, of several types."""
    groups = {
        "model": [keras.Variable(np.ones((2, 3)), dtype="float32"), keras.Variable(2.0)],
        "optimizer": [keras.Variable(7, dtype="int64")],
    }
    return variables_by_name(groups)


def test_a_variable_is_named_by_its_group_and_its_place_there():
    assert list(variables()) == ["model/0000", "model/0001", "optimizer/0000"]


def test_values_are_those_of_their_moment_and_can_be_put_back():
    moved = variables()
    values = values_of(moved)
    for variable in moved.values():
        variable.assign_add(keras.ops.ones_like(variable))
    assert values["model/0001"] == 2.0
    assert moved["model/0001"] == 3.0
    assign_values(moved, values)
    for name, value in values_of(moved).items():
        assert value.dtype == values[name].dtype
        np.testing.assert_array_equal(value, values[name])


def test_values_of_other_variables_are_refused_and_nothing_is_assigned():
    mine, values = variables(), values_of(variables())
    for other in (
        {**values, "model/0002": np.zeros(1)},
        {name: value for name, value in values.items() if name != "model/0000"},
        {**values, "model/0001": np.float32(5.0), "model/0000": np.zeros((3, 2), np.float32)},
    ):
        with pytest.raises(StateError, match=r"'model/000\d' differ. Remove it to begin anew"):
            assign_values(mine, other)
    assert mine["model/0001"] == 2.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_value_that_is_no_number_is_found(value):
    values = values_of(variables())
    assert are_finite(values)
    values["model/0000"][1, 2] = value
    assert not are_finite(values)


class Counting(keras.callbacks.Callback):
    """A callback with a state of its own."""

    def __init__(self, count: int = 0):
        super().__init__()
        self.count = count

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]


def early_stopping(best, weights=None):
    callback = keras.callbacks.EarlyStopping(restore_best_weights=True)
    callback.on_train_begin()
    callback.best, callback.best_weights = best, weights
    return callback


def callbacks():
    plateau = keras.callbacks.ReduceLROnPlateau()
    plateau.on_train_begin()
    return [early_stopping(None), plateau, keras.callbacks.Callback(), Counting()]


def test_callbacks_remember_through_json_what_they_knew():
    former = callbacks()
    former[0].best, former[0].wait, former[0].best_epoch = np.float32(0.5), 2, 4
    former[1].best, former[1].wait, former[1].cooldown_counter = 0.25, 1, 3
    former[3].count = 9
    later = callbacks()
    recall(later, json.loads(json.dumps(memory_of(former))))
    assert (later[0].best, later[0].wait, later[0].best_epoch) == (0.5, 2, 4)
    assert (later[1].best, later[1].wait, later[1].cooldown_counter) == (0.25, 1, 3)
    assert later[3].count == 9


def test_a_callback_that_has_seen_no_epoch_remembers_that():
    later = callbacks()
    recall(later, json.loads(json.dumps(memory_of(callbacks()))))
    assert later[0].best is None


def test_memories_of_other_callbacks_are_refused():
    with pytest.raises(StateError, match="the callbacks differ"):
        recall(callbacks(), memory_of(callbacks()[:2]))


def test_each_early_stopping_gets_the_weights_of_its_own_best_epoch():
    first, second = [np.ones(3), np.zeros(2)], [np.full(3, 5.0), np.full(2, 6.0)]
    former = [early_stopping(0.1, first), Counting(), early_stopping(0.2, second)]
    later = [early_stopping(None), Counting(), early_stopping(None)]
    arrays = {"model/0000": np.arange(4), **best_weights_of(former)}
    assert list(recall_best_weights(later, arrays)) == ["model/0000"]
    for expected, callback in ((first, later[0]), (second, later[2])):
        for weight, value in zip(expected, callback.best_weights, strict=True):
            np.testing.assert_array_equal(weight, value)


def test_without_a_best_epoch_there_are_no_weights_of_it():
    callback = early_stopping(None)
    assert best_weights_of([callback, Counting()]) == {}
    assert recall_best_weights([callback], {"a": np.zeros(1)}) == {"a": np.zeros(1)}
    assert callback.best_weights is None


class Curves(keras.callbacks.TensorBoard):
    """Keeps what TensorBoard is told, and the rate that it reads from the optimiser."""

    def __init__(self, log_dir):
        super().__init__(str(log_dir), write_graph=False)
        self.points = []

    def on_epoch_end(self, epoch, logs=None):
        self.points.append((epoch, logs, pytest.approx(float(self.model.optimizer.learning_rate))))


def test_the_curves_of_a_training_that_goes_on_begin_at_its_first_epoch(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5))
    curves, other = Curves(tmp_path), Counting()
    curves.set_model(model)
    history = {"loss": [3.0, 2.0], "learning_rate": [0.1, 0.01], "val_eer": [0.4]}
    replay([other, curves], history)
    assert curves.points == [
        (0, {"loss": 3.0, "learning_rate": 0.1}, 0.1),
        (1, {"loss": 2.0, "learning_rate": 0.01}, 0.01),
    ]
    assert float(model.optimizer.learning_rate) == 0.5


def test_a_training_without_an_epoch_has_no_curves(tmp_path):
    curves = Curves(tmp_path)
    curves.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    replay([curves], {})
    assert curves.points == []

"""What a training consists of between two steps: its variables, and its callbacks' memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from groundfloor.errors import UserError
from groundfloor.text import listed

# What Keras' callbacks remember from epoch to epoch, beside the weights of the best one.
_REMEMBERED: Mapping[type[keras.callbacks.Callback], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("best", "wait", "best_epoch", "stopped_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best",),
}
_BEST_WEIGHTS = "best_weights"


class StateError(UserError):
    """A state belongs to another training than the one that is to go on from it."""


def variables_by_name(groups: Mapping[str, Iterable[Any]]) -> dict[str, Any]:
    """Names the variables of a training so that each has the same name after a restart.

    Keras numbers the layers of a process as they are made, so a variable's own path may differ; its
    place among the variables of its group does not.

    Args:
      groups: such as "model" -> its variables, of Keras or of TensorFlow.
    """
    return {
        f"{group}/{place:04d}": variable
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
    }


def values_of(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """A copy of the values, which later steps do not change."""
    return {
        name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in variables.items()
    }


def are_finite(values: Mapping[str, np.ndarray]) -> bool:
    """Whether no value is NaN or infinite."""
    return all(np.isfinite(value).all() for value in values.values())


def assign_values(variables: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> None:
    """Puts values back into variables.

    Raises:
      StateError: the values are those of other variables.
    """
    differing = variables.keys() ^ values.keys() or {
        name for name, variable in variables.items() if tuple(variable.shape) != values[name].shape
    }
    if differing:
        raise _another_training(f"{listed(sorted(differing))} differ")
    for name, variable in variables.items():
        variable.assign(values[name])


def memory_of(callbacks: Sequence[keras.callbacks.Callback]) -> list[dict[str, Any]]:
    """What each callback remembers, as JSON knows it.

    A callback of one's own is asked by `state()`, and told by `restore(state)`; one without these
    begins anew when the training goes on, and may be missing then.
    """
    return [_memory(callback) for callback in _remembering(callbacks)]


def recall(
    callbacks: Sequence[keras.callbacks.Callback], memories: Sequence[Mapping[str, Any]]
) -> None:
    """Gives the callbacks, after their `on_train_begin`, what they remembered."""
    remembering = _remembering(callbacks)
    if len(remembering) != len(memories):
        raise _another_training("the callbacks differ")
    for callback, memory in zip(remembering, memories, strict=True):
        if hasattr(callback, "restore"):
            callback.restore(memory)
        else:
            for name, value in memory.items():
                setattr(callback, name, value)


def replay(
    callbacks: Sequence[keras.callbacks.Callback], history: Mapping[str, Sequence[float]]
) -> None:
    """Writes the epochs that are done into the logs of TensorBoard: each attempt has its own.

    Figures that were not measured in each epoch are left out. TensorBoard reads the rate from the
    optimiser: it is that of the epoch meanwhile.
    """
    epochs = len(history.get("learning_rate", ()))
    complete = {name: values for name, values in history.items() if len(values) == epochs}
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.TensorBoard) and epochs:
            optimizer = callback.model.optimizer
            rate = np.array(optimizer.learning_rate)
            for epoch in range(epochs):
                figures = {name: values[epoch] for name, values in complete.items()}
                optimizer.learning_rate = figures["learning_rate"]
                callback.on_epoch_end(epoch, figures)
            optimizer.learning_rate = rate


def best_weights_of(callbacks: Sequence[keras.callbacks.Callback]) -> dict[str, np.ndarray]:
    """The weights of the best epoch, as each early stopping keeps them: name -> array."""
    return {
        f"{_of_callback(number)}{place:04d}": weight
        for number, callback in enumerate(_remembering(callbacks))
        for place, weight in enumerate(getattr(callback, _BEST_WEIGHTS, None) or ())
    }


def recall_best_weights(
    callbacks: Sequence[keras.callbacks.Callback], arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Gives each early stopping the weights of its best epoch, and returns all other arrays."""
    for number, callback in enumerate(_remembering(callbacks)):
        names = sorted(name for name in arrays if name.startswith(_of_callback(number)))
        if names:
            setattr(callback, _BEST_WEIGHTS, [arrays[name] for name in names])
    of_all = f"{_BEST_WEIGHTS}/"
    return {name: array for name, array in arrays.items() if not name.startswith(of_all)}


def _of_callback(number: int) -> str:
    return f"{_BEST_WEIGHTS}/{number:02d}/"


def _another_training(difference: str) -> StateError:
    return StateError(
        f"the state in training.checkpoint_dir is not one of this training: {difference}. Remove "
        "it to begin anew"
    )


def _remembering(
    callbacks: Sequence[keras.callbacks.Callback],
) -> list[keras.callbacks.Callback]:
    return [c for c in callbacks if hasattr(c, "state") or isinstance(c, tuple(_REMEMBERED))]


def _memory(callback: keras.callbacks.Callback) -> dict[str, Any]:
    if hasattr(callback, "state"):
        return callback.state()
    for kind, names in _REMEMBERED.items():
        if isinstance(callback, kind):
            return {name: _plain(getattr(callback, name)) for name in names}
    return {}


def _plain(value: Any) -> Any:
    """A number of Python's for one of NumPy's."""
    return value.item() if isinstance(value, np.generic) else value

"""`model.weights`: a training that starts from the weights of an earlier one.

A file of Keras has the weights of each layer beside its name, nested as the models are. So they are
found by the names of the layers, whether the file holds the embedding model, the one around it that
averages over the flip, or the classifier; and no code that a file may name is run.
"""

import io
import logging
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from components.trainer.config import WEIGHTS_ENDINGS
from components.trainer.model import HEAD
from groundfloor.errors import UserError

_log = logging.getLogger(__name__)

Weights = Mapping[str, Sequence[np.ndarray]]

# Where Keras keeps the weights within a `.keras` file, and what in them is no layer.
_WEIGHTS_IN_ARCHIVE = "model.weights.h5"
_NO_LAYERS = ("optimizer", "metrics", "seed_generator")
_MOST_NAMES = 5


class WeightsError(UserError):
    """A file of weights cannot be read, or does not fit; the message names the layer."""


def load_weights(model: keras.Model, path: str | Path) -> list[str]:
    """Puts the weights of a file into the layers of the same names.

    The head is left as it is where the file has one for another number of people, and where it has
    none. The log says what was loaded, and what of the file was not. Nothing is loaded where
    something does not fit.

    Args:
      model: a `FaceEmbeddingModel`, or a classifier around one.
      path: a `.keras` or `.weights.h5` of either, or of `portable` and `flip_averaged`.

    Returns:
      The names of the layers that were loaded, in the order of the model.

    Raises:
      WeightsError: the file cannot be read; a layer of the model has no weights in it, or some of
        other shapes.
    """
    saved = read_weights(path)
    layers = {layer.name: layer for layer in _layers_with_weights(model)}
    begins_anew = _head_begins_anew(layers, saved)
    if begins_anew:
        del layers[HEAD]
    _check(layers, saved, path)
    for name, layer in layers.items():
        for weight, value in zip(layer.weights, saved[name], strict=True):
            weight.assign(value)
    _log.info("weights of %d layers loaded from %s", len(layers), path)
    if begins_anew:
        _log.info("not loaded: %s, which begins anew for these people", HEAD)
    if unused := [name for name in saved if name not in layers]:
        _log.warning("of %s not used: %s", path, _listed(unused))
    return list(layers)


def read_weights(path: str | Path) -> Weights:
    """The weights of each layer by its name, in the order of the layer's own.

    Raises:
      WeightsError: there is no such file, or it is none of Keras 3; or two layers share a name.
    """
    saved: dict[str, list[np.ndarray]] = {}
    for name, weights in _saved_layers(Path(path)):
        if name in saved:
            raise WeightsError(f"model.weights: two layers in {path} are both called {name}")
        saved[name] = weights
    if not saved:
        raise WeightsError(
            f"model.weights: {path} has no weights of layers with names, as Keras 3 writes them"
        )
    return saved


def _saved_layers(path: Path) -> Iterator[tuple[str, list[np.ndarray]]]:
    try:
        with h5py.File(_weights_file(path), "r") as file:
            yield from _layers_in(file)
    except FileNotFoundError:
        raise WeightsError(f"model.weights: there is no file {path}") from None
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"model.weights: {path} is none of Keras' {' or '.join(WEIGHTS_ENDINGS)} files: {error}"
        ) from error


def _weights_file(path: Path) -> Path | io.BytesIO:
    """The HDF5 file of weights, which a `.keras` file has within it."""
    if path.suffix != ".keras":
        return path
    with zipfile.ZipFile(path) as archive:
        return io.BytesIO(archive.read(_WEIGHTS_IN_ARCHIVE))


def _layers_in(group: h5py.Group) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Each layer with weights, at any depth: a group `vars` with the layer's name beside it."""
    for key, child in group.items():
        if key in _NO_LAYERS or not isinstance(child, h5py.Group):
            continue
        if key == "vars" and "name" in child.attrs and len(child):
            yield child.attrs["name"], [child[number][()] for number in sorted(child, key=int)]
        else:
            yield from _layers_in(child)


def _layers_with_weights(model: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a model and of those within it, in their order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_weights(layer)
        elif layer.weights:
            yield layer


def _head_begins_anew(layers: Mapping[str, keras.Layer], saved: Weights) -> bool:
    """Whether there is a head, and the file has none for as many people."""
    return HEAD in layers and _shapes(saved.get(HEAD, ())) != _shapes(layers[HEAD].weights)


def _shapes(weights: Sequence) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in weights]


def _check(layers: Mapping[str, keras.Layer], saved: Weights, path: str | Path) -> None:
    """Refuses a file that lacks a layer, or has another shape for it."""
    missing = [name for name in layers if name not in saved]
    if missing:
        raise WeightsError(
            f"model.weights: {path} has no weights for {len(missing)} of {len(layers)} layers "
            f"({_listed(missing)}): is it of another model.backbone?"
        )
    for name, layer in layers.items():
        expected, found = _shapes(layer.weights), _shapes(saved[name])
        if expected != found:
            raise WeightsError(
                f"model.weights: the layer {name} has weights of the shapes {_told(found)} in "
                f"{path}, and {_told(expected)} here: model.backbone, input_shape and "
                "embedding_dim must be those that they were trained with"
            )


def _told(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")

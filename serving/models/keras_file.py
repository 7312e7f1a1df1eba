"""A model in a file of Keras, `.keras`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundfloor.errors import UserError
from serving.models.model import (
    ModelInput,
    cannot_embed,
    cannot_open,
    choose_input,
    choose_output,
    embeddings_of,
    in_batches,
    require_file,
)


class KerasFile:
    """See `model.Model`. Python code in a file, such as a Lambda's, is refused by Keras itself.

    Args:
      path: of the file.
      trust_model: nothing vouches for such a file; see `choice.choose_model`.

    Raises:
      UserError: it is not trusted, or cannot be opened.
    """

    prepared = None
    remarks = ()

    def __init__(self, path: Path, trust_model: bool):
        require_file(path)
        self.name = str(path)
        if not trust_model:
            raise UserError(
                f"{path}: loading a file of Keras runs what is in it, and nothing vouches for this "
                "one: give --trust-model if you know where it is from"
            )
        self._model, self._tree = _loaded(path)
        inputs, outputs = self._model.inputs, self._model.outputs
        taken = inputs[choose_input(self.name, _said([tensor.name for tensor in inputs], inputs))]
        self._place = choose_output(self.name, _said(_output_names(self._model), outputs))
        self.input = ModelInput(tuple(taken.shape), str(taken.dtype))

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See `model.Model`."""
        output = in_batches(self._run, pixels, self.input.batch)
        return embeddings_of(output, len(pixels), self.name)

    def _run(self, pixels: NDArray[Any]) -> NDArray[Any]:
        try:
            outputs = self._tree.flatten(self._model(pixels, training=False))
            return np.asarray(outputs[self._place])
        except Exception as error:  # of the backend, whichever it is
            raise cannot_embed(self.name, error) from None


def _loaded(path: Path) -> tuple[Any, Any]:
    """The model, and the module that flattens its outputs."""
    import keras  # noqa: PLC0415 - seconds

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        _ = model.inputs[0], model.outputs[0]
    except Exception as error:  # whatever a file that is no such model makes Keras raise
        raise cannot_open(str(path), error) from None
    return model, keras.tree


def _output_names(model: Any) -> list[str]:
    """Those of a functional model are its layers', or what a dictionary called them."""
    return getattr(model, "output_names", None) or [tensor.name for tensor in model.outputs]


def _said(names: Sequence[str], tensors: Sequence[Any]) -> list[tuple[str, tuple[int | None, ...]]]:
    return [(name, tuple(tensor.shape)) for name, tensor in zip(names, tensors, strict=True)]

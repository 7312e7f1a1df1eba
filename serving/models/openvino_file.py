"""A model in files of OpenVINO: an `.xml`, with its weights in the `.bin` beside it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.models.model import (
    ModelInput,
    cannot_embed,
    cannot_open,
    choose_input,
    choose_output,
    embeddings_of,
    in_batches,
    not_installed,
    require_file,
)

# Where a CPU can, it would compute in bfloat16, of which the embeddings show the rounding.
_PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}


class OpenVINOFile:
    """See `model.Model`. On the processor, in float32.

    Args:
      path: of the `.xml`.

    Raises:
      UserError: it cannot be opened, or OpenVINO is not installed.
    """

    prepared = None
    remarks = ()

    def __init__(self, path: Path):
        require_file(path)
        self.name = str(path)
        self._model = _compiled(path)
        inputs, outputs = self._model.inputs, self._model.outputs
        taken = inputs[choose_input(self.name, [_said(port) for port in inputs])]
        self._place = choose_output(self.name, [_said(port) for port in outputs])
        self.input = ModelInput(_shape(taken), np.dtype(taken.element_type.to_dtype()).name)

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See `model.Model`."""
        output = in_batches(self._run, pixels, self.input.batch)
        return embeddings_of(output, len(pixels), self.name)

    def _run(self, pixels: NDArray[Any]) -> NDArray[Any]:
        try:
            return np.array(self._model(np.ascontiguousarray(pixels))[self._place])
        except Exception as error:  # OpenVINO has exceptions of its own
            raise cannot_embed(self.name, error) from None


def _compiled(path: Path) -> Any:
    try:
        import openvino  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise not_installed(path, "OpenVINO") from None
    try:
        return openvino.Core().compile_model(str(path), "CPU", _PRECISION)
    except Exception as error:  # as above
        raise cannot_open(str(path), error) from None


def _said(port: Any) -> tuple[str, tuple[int | None, ...]]:
    return next(iter(sorted(port.get_names())), ""), _shape(port)


def _shape(port: Any) -> tuple[int | None, ...]:
    sides = port.get_partial_shape()
    return tuple(side.get_length() if side.is_static else None for side in sides)

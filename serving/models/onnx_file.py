"""A model in a file of ONNX, by ONNX Runtime."""

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
    not_installed,
    require_file,
)

# ONNX Runtime's name of a type -> NumPy's.
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
}


class OnnxFile:
    """See `model.Model`. On the processor: its figures are to be those of every machine.

    Args:
      path: of the file; ONNX Runtime reads the weights that lie beside it, too.

    Raises:
      UserError: it cannot be opened, or ONNX Runtime is not installed.
    """

    prepared = None
    remarks = ()

    def __init__(self, path: Path):
        require_file(path)
        self.name = str(path)
        self._session = _session(path)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        taken = inputs[choose_input(self.name, [(one.name, _shape(one)) for one in inputs])]
        given = outputs[choose_output(self.name, [(one.name, _shape(one)) for one in outputs])]
        if taken.type not in _DTYPES:
            raise UserError(f"{path} takes images of {taken.type}, which is none of numbers")
        self.input = ModelInput(_shape(taken), _DTYPES[taken.type])
        self._names = taken.name, given.name

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See `model.Model`."""
        output = in_batches(self._run, pixels, self.input.batch)
        return embeddings_of(output, len(pixels), self.name)

    def _run(self, pixels: NDArray[Any]) -> NDArray[Any]:
        taken, given = self._names
        try:
            return self._session.run([given], {taken: np.ascontiguousarray(pixels)})[0]
        except Exception as error:  # ONNX Runtime has an exception of its own for each status
            raise cannot_embed(self.name, error) from None


def _session(path: Path) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise not_installed(path, "ONNX Runtime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is raised
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # as above
        raise cannot_open(str(path), error) from None


def _shape(node: Any) -> tuple[int | None, ...]:
    """A side that is not fixed has a name, or none."""
    return tuple(side if isinstance(side, int) and side > 0 else None for side in node.shape)

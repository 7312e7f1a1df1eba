"""A model in a file of LiteRT (TensorFlow Lite), quantised or not."""

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


class LiteRTFile:
    """See `model.Model`.

    A quantised input or output holds whole numbers q that stand for scale x (q - zero point). Such
    a model takes and gives here the numbers that are stood for, float32: what is declared of its
    input is that of the network before it was quantised.

    A model for a fixed number of images is run so often, and not made into another one.

    Args:
      path: of the file.

    Raises:
      UserError: it cannot be opened.
    """

    prepared = None
    remarks = ()

    def __init__(self, path: Path):
        require_file(path)
        self.name = str(path)
        self._interpreter = _interpreter(path)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._taken = inputs[choose_input(self.name, [_said(one) for one in inputs])]
        self._given = outputs[choose_output(self.name, [_said(one) for one in outputs])]
        for tensor in (self._taken, self._given):
            _require_one_scale(self.name, tensor)
        stood_for = np.float32 if _is_quantised(self._taken) else self._taken["dtype"]
        self.input = ModelInput(_shape(self._taken), np.dtype(stood_for).name)
        self._allocated: tuple[int, ...] | None = None

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See `model.Model`."""
        output = in_batches(self._run, pixels, self.input.batch)
        return embeddings_of(output, len(pixels), self.name)

    def _run(self, pixels: NDArray[Any]) -> NDArray[Any]:
        try:
            self._allocate(pixels.shape)
            self._interpreter.set_tensor(self._taken["index"], quantised(pixels, self._taken))
            self._interpreter.invoke()
            return dequantised(self._interpreter.get_tensor(self._given["index"]), self._given)
        except (RuntimeError, ValueError) as error:
            raise cannot_embed(self.name, error) from None

    def _allocate(self, shape: tuple[int, ...]) -> None:
        if shape == self._allocated:
            return
        if shape != tuple(self._taken["shape"]):
            self._interpreter.resize_tensor_input(self._taken["index"], shape, strict=True)
        self._interpreter.allocate_tensors()
        self._allocated = shape


def quantised(values: NDArray[Any], tensor: Any) -> NDArray[Any]:
    """Numbers as a tensor holds them; those out of its range are its ends.

    Args:
      values: real numbers.
      tensor: of the interpreter's details.
    """
    if not _is_quantised(tensor):
        return values.astype(tensor["dtype"], copy=False)
    scale, zero_point = tensor["quantization"]
    ends = np.iinfo(tensor["dtype"])
    whole = np.round(values / scale) + zero_point
    return np.clip(whole, ends.min, ends.max).astype(tensor["dtype"])


def dequantised(values: NDArray[Any], tensor: Any) -> NDArray[Any]:
    """The numbers that a tensor's stand for."""
    if not _is_quantised(tensor):
        return values
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _is_quantised(tensor: Any) -> bool:
    return tensor["dtype"] in (np.int8, np.uint8, np.int16) and tensor["quantization"][0] != 0


def _require_one_scale(name: str, tensor: Any) -> None:
    if len(tensor["quantization_parameters"]["scales"]) > 1:
        raise UserError(f"{name}: {tensor['name']} is quantised by channel, which is not read")


def _said(tensor: Any) -> tuple[str, tuple[int | None, ...]]:
    return tensor["name"], _shape(tensor)


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(int(side) if side > 0 else None for side in tensor["shape_signature"])


def _interpreter(path: Path) -> Any:
    import tensorflow as tf  # noqa: PLC0415 - seconds

    try:
        return tf.lite.Interpreter(model_path=str(path))
    except (ValueError, RuntimeError) as error:
        raise cannot_open(str(path), error) from None

"""Exports in use: each runtime is imported when one of its models is opened, and no other is."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundfloor.errors import UserError
from serving.exports import KINDS, LITERT, is_installed

# Pixels, uint8 or float32 [N, H, W, C] in [0, 255], to embeddings, float32 [N, D].
Embed = Callable[[NDArray[Any]], NDArray[np.float32]]


def open_export(name: str, folder: str | os.PathLike[str]) -> Embed:
    """Opens an export.

    Args:
      name: of `exports.KINDS`.
      folder: where its files are, on this machine.

    Returns:
      What embeds with it; not to be called by two threads at a time.

    Raises:
      UserError: its runtime cannot be imported or cannot open it; the message says why.
    """
    kind = KINDS[name]
    path = Path(folder) / kind.file
    try:
        return _OPENERS[path.suffix](path)
    except Exception as error:  # each runtime has errors of its own
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"cannot load the export {path}: {reason}") from None


def _open_onnx(path: Path) -> Embed:
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (pixels,) = (node.name for node in session.get_inputs())
    return lambda images: session.run(None, {pixels: _float32(images)})[0]


def _open_openvino(path: Path) -> Embed:
    import openvino  # noqa: PLC0415

    # Where a CPU can, it would compute in bfloat16, of which the embeddings show the rounding.
    precision = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(path), "CPU", precision)
    return lambda images: np.array(model(_float32(images))[0])


def _open_litert(path: Path) -> Embed:
    interpreter = _litert_interpreter()(model_path=str(path))
    (pixels,), (embedding,) = interpreter.get_input_details(), interpreter.get_output_details()

    def embed(images: NDArray[Any]) -> NDArray[np.float32]:
        interpreter.resize_tensor_input(pixels["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(pixels["index"], _float32(images))
        interpreter.invoke()
        return interpreter.get_tensor(embedding["index"])

    return embed


def _litert_interpreter() -> Any:
    """Of LiteRT's own package where it is installed, else of TensorFlow, which takes seconds."""
    if is_installed(LITERT):
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

        return Interpreter
    import tensorflow as tf  # noqa: PLC0415

    return tf.lite.Interpreter


_OPENERS: Mapping[str, Callable[[Path], Embed]] = {
    ".onnx": _open_onnx,
    ".tflite": _open_litert,
    ".xml": _open_openvino,
}


def _float32(images: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(images, dtype=np.float32)

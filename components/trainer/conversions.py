"""The trained network in other formats, for runtimes without TensorFlow: `serving.exports`."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tfx.dsl.io import fileio

from biometrics.thresholds.pack import EXPORTS
from groundfloor.text import shown_text
from serving.exports import FAILURES_FILE, KINDS, export_folder, failures_to_json
from serving.signatures import EMBEDDING_KEY

# Training images by which the ranges of int8 are chosen: more of them hardly move a range.
CALIBRATION_IMAGES = 200

_log = logging.getLogger(__name__)


def write_exports(
    model: keras.Model,
    names: Sequence[str],
    folder: str,
    calibration: Callable[[], NDArray[np.uint8]],
) -> dict[str, str]:
    """Converts a model, and puts what came of it beside its SavedModel.

    A conversion that fails leaves no export, and is no reason to fail: the SavedModel is there.

    Args:
      model: float32 pixels [N, H, W, C] in [0, 255] to embeddings [N, D].
      names: of `serving.exports.KINDS`.
      folder: of the SavedModel, wherever it lies.
      calibration: gives training images, uint8 [K, H, W, C]; asked only where int8 needs them.

    Returns:
      Name -> why there is no such export; `FAILURES_FILE` has the same.
    """
    if not names:
        return {}
    failures: dict[str, str] = {}
    named = _with_named_output(model)
    for name in names:
        with tempfile.TemporaryDirectory() as made:
            try:
                images = calibration() if KINDS[name].is_quantised else None
                _CONVERTERS[name](named, os.path.join(made, KINDS[name].file), images)
            except Exception as error:  # whatever a converter meets in a network that it cannot do
                failures[name] = shown_text(f"{type(error).__name__}: {error}", limit=300)
                _log.exception("no export %s", name)
            else:
                _upload(made, export_folder(folder, name))
    _write(os.path.join(folder, EXPORTS, FAILURES_FILE), failures_to_json(failures).encode())
    return failures


def _with_named_output(model: keras.Model) -> keras.Model:
    """The same model, whose output has the name that the SavedModel's has."""
    inputs = keras.Input(model.input_shape[1:], dtype="float32", name="pixels")
    return keras.Model(inputs, {EMBEDDING_KEY: model(inputs)})


def _signature(model: keras.Model) -> list[keras.InputSpec]:
    shape = (None, *model.input_shape[1:])
    return [keras.InputSpec(shape=shape, dtype="float32", name="pixels")]


def _to_onnx(model: keras.Model, path: str, _: NDArray[np.uint8] | None) -> None:
    model.export(path, format="onnx", input_signature=_signature(model), verbose=False)


def _to_openvino(model: keras.Model, path: str, _: NDArray[np.uint8] | None) -> None:
    """By way of ONNX: what OpenVINO does with a model of TensorFlow fails on Python 3.13."""
    import openvino  # noqa: PLC0415 - an extra, for who asks for it

    with tempfile.TemporaryDirectory() as folder:
        whole = os.path.join(folder, KINDS["onnx"].file)
        _to_onnx(model, whole, None)
        openvino.save_model(openvino.convert_model(whole), path, compress_to_fp16=False)


def _to_litert(model: keras.Model, path: str, _: NDArray[np.uint8] | None) -> None:
    model.export(path, format="litert", input_signature=_signature(model), verbose=False)


def _to_litert_int8(model: keras.Model, path: str, images: NDArray[np.uint8] | None) -> None:
    model.export(
        path,
        format="litert",
        input_signature=_signature(model),
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([image] for image in _one_by_one(images)),
    )


def _to_onnx_int8(model: keras.Model, path: str, images: NDArray[np.uint8] | None) -> None:
    """Int8 where the multiplications are; the rest, such as the normalisation, stays float32."""
    from onnxruntime import quantization  # noqa: PLC0415 - an extra, for who asks for it

    class Reader(quantization.CalibrationDataReader):
        """Hands the images to the calibration one by one."""

        def __init__(self) -> None:
            self._images = _one_by_one(images)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """Called by the calibration until there are none."""
            image = next(self._images, None)
            return None if image is None else {"pixels": image}

    whole = f"{path}.float32"
    _to_onnx(model, whole, None)
    quantization.quantize_static(
        whole, path, Reader(), op_types_to_quantize=["Conv", "MatMul", "Gemm"], per_channel=True
    )
    os.unlink(whole)


_CONVERTERS: Mapping[str, Callable[[keras.Model, str, NDArray[np.uint8] | None], None]] = {
    "onnx": _to_onnx,
    "litert": _to_litert,
    "openvino": _to_openvino,
    "onnx_int8": _to_onnx_int8,
    "litert_int8": _to_litert_int8,
}


def _one_by_one(images: NDArray[np.uint8] | None) -> Iterator[NDArray[np.float32]]:
    """Each as a batch of one, float32 [1, H, W, C]."""
    for image in () if images is None else images:
        yield image[np.newaxis].astype(np.float32)


def _upload(made: str, folder: str) -> None:
    for path in Path(made).iterdir():
        _write(os.path.join(folder, path.name), path.read_bytes())


def _write(path: str, content: bytes) -> None:
    fileio.makedirs(os.path.dirname(path))
    with fileio.open(path, "wb") as file:
        file.write(content)

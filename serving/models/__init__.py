"""Models of any kind, opened by the place where they are.

To add a kind, write a class with the attributes and the method of `model.Model` in a file of its
own, which imports its runtime where it is used, and name it in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from groundfloor.credentials import without_credentials
from groundfloor.errors import UserError
from serving.models.model import Model

__all__ = ["KINDS", "Kind", "Model", "is_model", "open_model"]


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
      description: what it is, for a message.
      recognises: whether a place is that of such a model, by its look.
      open: opens the one at a place; whether a model that runs what is in it may be loaded though
        nothing vouches for it, it is told.
    """

    description: str
    recognises: Callable[[str], bool]
    open: Callable[[str, bool], Model]


def _saved_model(place: str, trust_model: bool) -> Model:
    from serving.models.saved_model import SavedModel  # noqa: PLC0415 - TensorFlow

    return SavedModel(Path(place), trust_model)


def _openvino_file(place: str, _: bool) -> Model:
    from serving.models.openvino_file import OpenVINOFile  # noqa: PLC0415 - OpenVINO

    return OpenVINOFile(Path(place))


def _keras_file(place: str, trust_model: bool) -> Model:
    from serving.models.keras_file import KerasFile  # noqa: PLC0415 - as above

    return KerasFile(Path(place), trust_model)


def _onnx_file(place: str, _: bool) -> Model:
    from serving.models.onnx_file import OnnxFile  # noqa: PLC0415 - ONNX Runtime

    return OnnxFile(Path(place))


def _litert(place: str, _: bool) -> Model:
    from serving.models.litert import LiteRTFile  # noqa: PLC0415 - as above

    return LiteRTFile(Path(place))


def _http(place: str, _: bool) -> Model:
    from serving.models.http import HttpModel  # noqa: PLC0415 - for those who ask one

    return HttpModel(place)


def _ends_with(suffix: str) -> Callable[[str], bool]:
    return lambda place: place.lower().endswith(suffix)


# Name -> the kind; the first one that recognises a place opens it.
KINDS: dict[str, Kind] = {
    "http": Kind(
        "http://HOST:PORT/v2/models/NAME of the Open Inference Protocol",
        lambda place: place.lower().startswith(("http://", "https://")),
        _http,
    ),
    "onnx": Kind("a file .onnx", _ends_with(".onnx"), _onnx_file),
    "litert": Kind("a file .tflite", _ends_with(".tflite"), _litert),
    "openvino": Kind("a file .xml of OpenVINO", _ends_with(".xml"), _openvino_file),
    "keras": Kind("a file .keras", _ends_with(".keras"), _keras_file),
    "saved_model": Kind(
        "the folder of a SavedModel, or of pushed versions",
        lambda place: Path(place).is_dir(),
        _saved_model,
    ),
}


def is_model(place: str) -> bool:
    """Whether a place is that of a file or an address of a model; a folder may be anything."""
    return any(kind.recognises(place) for name, kind in KINDS.items() if name != "saved_model")


def open_model(place: str, *, trust_model: bool = False) -> Model:
    """Opens the model at a place; no runtime but its own is loaded.

    Files of ONNX, LiteRT and OpenVINO are data. A SavedModel or a .keras file is a program: it is
    loaded if its thresholds vouch for it, or if it is trusted.

    Args:
      place: a path, or the address of a served model.
      trust_model: see `choice.choose_model`.

    Raises:
      UserError: there is no model, it cannot be opened, or its runtime is not installed.
    """
    for kind in KINDS.values():
        if kind.recognises(place):
            return kind.open(place, trust_model)
    raise UserError(
        f"no model at {without_credentials(place)!r}: a model is "
        f"{', '.join(kind.description for kind in KINDS.values())}"
    )

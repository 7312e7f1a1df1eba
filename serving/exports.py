"""The contract of a model's exports: the same network for other runtimes, beside its SavedModel.

An export takes `pixels`, float32 [N, H, W, C] in [0, 255], N as many as are given, to `embedding`,
float32 [N, D], L2-normalised: what the signature `pixels` of the SavedModel gives, mirror image
included. Each is a folder of its name below `EXPORTS` in the folder of the SavedModel; the pack of
thresholds names those that may be used, with the digest of their files. Imports nothing heavy.
"""

import importlib.util
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from biometrics.thresholds.pack import EXPORTS
from groundfloor.errors import UserError

# In `EXPORTS`: name -> why there is no such export, although it was asked for. It is not pushed.
FAILURES_FILE = "failures.json"


@dataclass(frozen=True)
class ExportKind:
    """A format, and the precision in which it holds the network.

    Attributes:
      file: what a runtime opens, in the folder of the export.
      runtime: the package that runs it without TensorFlow.
      packages: what is imported to make and to check it, beyond TensorFlow.
      is_quantised: whether it computes in int8: it then embeds nearly as the SavedModel does.
    """

    file: str
    runtime: str
    packages: tuple[str, ...] = ()
    is_quantised: bool = False


# LiteRT's own package; where it is missing, TensorFlow's part of the name does.
LITERT = "ai_edge_litert"
_OF_ONNX = ("onnx", "onnxruntime", "tf2onnx")

# `model.export` of the configuration -> what it is.
KINDS: Mapping[str, ExportKind] = {
    "onnx": ExportKind("model.onnx", "onnxruntime", _OF_ONNX),
    "openvino": ExportKind("model.xml", "openvino", ("openvino",)),
    "litert": ExportKind("model.tflite", LITERT),
    "onnx_int8": ExportKind("model.onnx", "onnxruntime", _OF_ONNX, is_quantised=True),
    "litert_int8": ExportKind("model.tflite", LITERT, is_quantised=True),
}


def export_folder(model: str | os.PathLike[str], name: str) -> str:
    """Where an export is, or would be, in the folder of a SavedModel."""
    return os.path.join(os.fspath(model), EXPORTS, name)


def require_packages(names: Collection[str]) -> None:
    """Sees that exports can be made and checked, before anything costly has run.

    Raises:
      UserError: a package is missing.
    """
    for name in names:
        missing = [package for package in KINDS[name].packages if not is_installed(package)]
        if missing:
            raise UserError(
                f"model.export: {name} needs {' and '.join(missing)}, not installed here: install "
                "the extra `export` (pip install 'arcface-pipeline[export]'), or leave it out"
            )


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
    return importlib.util.find_spec(package) is not None


def failures_to_json(failures: Mapping[str, str]) -> str:
    """The content of `FAILURES_FILE`."""
    return json.dumps(failures, indent=2, sort_keys=True) + "\n"

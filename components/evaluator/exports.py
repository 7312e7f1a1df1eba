"""The exports of a model, as they embed the test images; one that cannot fails no evaluation."""

import json
import logging
import os
from collections.abc import Callable

from tfx.dsl.io import fileio

from biometrics.arrays import Float32
from biometrics.exported import Exported
from biometrics.thresholds.pack import EXPORTS
from components.evaluator.embed import ExportOfModel
from components.evaluator.files import read_text
from groundfloor import progress
from groundfloor.text import shown_text
from serving.exports import FAILURES_FILE, KINDS, export_folder

_log = logging.getLogger(__name__)


def embed_exports(
    model_path: str,
    input_shape: tuple[int, int, int],
    embed: Callable[[ExportOfModel], Float32],
) -> dict[str, Exported]:
    """Embeds the test images with each export that was asked for.

    Args:
      model_path: of the SavedModel.
      input_shape: height, width and channels of its pixels.
      embed: gives the embeddings of the test images, float32 [N, D].

    Returns:
      Name -> what it has made of them, in the order of `serving.exports.KINDS`; empty where the
      model has no exports.
    """
    failures_path = os.path.join(model_path, EXPORTS, FAILURES_FILE)
    if not fileio.exists(failures_path):
        return {}
    failures = json.loads(read_text(failures_path))
    embedded = {}
    for name, kind in KINDS.items():
        export = ExportOfModel(name, export_folder(model_path, name), input_shape)
        if name in failures:
            reason = f"it was not made: {failures[name]}"
            embedded[name] = Exported(failure=reason, is_quantised=kind.is_quantised)
        elif fileio.exists(export.folder):
            embedded[name] = _embedded(export, kind.is_quantised, embed)
    return embedded


def _embedded(
    export: ExportOfModel, is_quantised: bool, embed: Callable[[ExportOfModel], Float32]
) -> Exported:
    size = _size_of(export.folder)
    try:
        export.opened()  # here, where its error is not wrapped in one of Beam's
        with progress.silenced():  # the images have been counted
            embeddings = embed(export)
    except Exception as error:  # whatever a runtime meets in a file that it cannot run
        _log.exception("the export %s does not embed", export.name)
        reason = shown_text(str(error) or type(error).__name__, limit=300)
        return Exported(failure=reason, is_quantised=is_quantised, size=size)
    return Exported(embeddings, is_quantised=is_quantised, size=size)


def _size_of(folder: str) -> int:
    return sum(_length(os.path.join(folder, name)) for name in fileio.listdir(folder))


def _length(path: str) -> int:
    with fileio.open(path, "rb") as file:
        return len(file.read())

"""What FaceEvaluator writes: figures, report, curves, blessing, thresholds; and to MLflow."""

import json
import os
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from biometrics.embedding_files import EMBEDDINGS_FILE
from biometrics.embeddings import EmbeddingSet
from biometrics.evaluation import Evaluation
from biometrics.figures.baselines import BASELINES
from biometrics.report.exports import tensorboard_scalars
from biometrics.result_files import (
    CURVES_FOLDER,
    METRICS_FILE,
    REASONS_FILE,
    REPORT_FILE,
    embeddings_file,
    evaluation_files,
    npz,
    reasons_text,
)
from biometrics.thresholds.pack import PACK_PROPERTY, THRESHOLDS_FILE, ThresholdPack
from components.evaluator.baseline_model import BaselineModel
from components.evaluator.tensorboard import write_scalars
from components.tracking import outbox
from components.tracking.steps import later_tracker

TENSORBOARD_FOLDER = "tensorboard"


def write_evaluation(folder: str, evaluation: Evaluation, images: EmbeddingSet) -> None:
    """Fills the `ModelEvaluation`: figures, report, curves, embeddings, scalars."""
    fileio.makedirs(os.path.join(folder, CURVES_FOLDER))
    for name, content in evaluation_files(evaluation).items():
        _write_bytes(os.path.join(folder, name), content)
    _write_bytes(os.path.join(folder, EMBEDDINGS_FILE), embeddings_file(images))
    write_scalars(os.path.join(folder, TENSORBOARD_FOLDER), tensorboard_scalars(evaluation.metrics))


def write_blessing(
    blessing: Any, evaluation: Evaluation, model: Any, baseline: BaselineModel | None
) -> None:
    """Fills the artifact as TFX's own Evaluator does, and adds the reasons."""
    blessed = evaluation.blessing.blessed
    reasons = "\n".join(evaluation.blessing.reasons)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(blessed))
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline:
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri
        )
    if baseline and baseline.artifact_id is not None:
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.artifact_id
        )
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY, reasons)
    flag = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    _write_text(os.path.join(blessing.uri, flag), "")
    _write_text(os.path.join(blessing.uri, REASONS_FILE), reasons_text(evaluation))


def write_pack(blessing: Any, pack: ThresholdPack) -> None:
    """Puts the thresholds beside the blessing, and their digest into its properties."""
    _write_text(os.path.join(blessing.uri, THRESHOLDS_FILE), pack.to_json())
    blessing.set_string_custom_property(PACK_PROPERTY, pack.sha256)


def track(model_path: str, evaluation: Evaluation, folder: str) -> None:
    """Adds the test figures and the report to the MLflow run that the model was trained in.

    Not so where this run is not tracked, or another than this project's trainer wrote the model.

    Args:
      model_path: folder of the SavedModel.
      evaluation: of it.
      folder: of the `ModelEvaluation`.
    """
    tracker = later_tracker(model_path, outbox.EVALUATION, folder)
    if tracker is None:
        return
    figures = tensorboard_scalars(evaluation.metrics)
    for name, baseline in evaluation.metrics["baselines"].items():
        if name in BASELINES:
            figures |= tensorboard_scalars(baseline, prefix=name)
    tracker.log_metrics(figures)
    tracker.log_text(evaluation.report, REPORT_FILE)
    tracker.log_text(json.dumps(evaluation.metrics, indent=2) + "\n", METRICS_FILE)


def save_arrays(path: str, **arrays: Any) -> None:
    """Writes an .npz, wherever it lies."""
    _write_bytes(path, npz(**arrays))


def _write_bytes(path: str, content: bytes) -> None:
    with fileio.open(path, "wb") as file:
        file.write(content)


def _write_text(path: str, text: str) -> None:
    io_utils.write_string_file(path, text)

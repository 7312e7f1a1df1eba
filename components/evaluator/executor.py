"""Executor of FaceEvaluator."""

import datetime
import io
import json
import os
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.evaluator.baseline_model import BaselineModel, find_baseline
from components.evaluator.baselines import EIGENFACES, RAW_PIXELS
from components.evaluator.embed import EmbedSplit, input_shape_of
from components.evaluator.evaluation import (
    Evaluation,
    LabelledImages,
    Settings,
    evaluate_model,
)
from components.evaluator.pairs import EvaluationError
from components.pusher.executor import THRESHOLD_FILE
from components.trainer.tracking import RUN_FILE, TrackedRun, Tracker
from components.transform.records import read_split
from pipeline.config import Bound

EXAMPLES_KEY = "examples"
MODEL_KEY = "model"
BASELINE_MODEL_KEY = "baseline_model"
EVALUATION_KEY = "evaluation"
BLESSING_KEY = "blessing"

DISTANCE_KEY = "distance"
TARGET_FARS_KEY = "target_fars"
RANKS_KEY = "ranks"
BATCH_SIZE_KEY = "batch_size"
THRESHOLDS_KEY = "thresholds"
MAX_REGRESSION_KEY = "max_regression"
SEED_KEY = "seed"
CREDIT_KEY = "credit"
BASELINE_DIR_KEY = "baseline_dir"

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
EMBEDDINGS_FILE = "embeddings.npz"
REASONS_FILE = "reasons.txt"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Embeds in Beam, measures, and writes what came out."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates a model.

        Args:
          input_dict:
            - examples: `Examples` of ImageTransform, with the splits `train` and `test`.
            - model: `Model` to evaluate.
            - baseline_model: `Model`, the latest blessed one; may be missing, and then the newest
              one in the property `baseline_dir` takes its place, if that is given.
          output_dict:
            - evaluation: `ModelEvaluation`.
            - blessing: `ModelBlessing`.
          exec_properties: those of `FaceEvaluatorSpec`.

        Raises:
          EvaluationError: the test split cannot measure a model.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict[MODEL_KEY])
        model_path = path_utils.serving_model_path(model.uri)
        input_shape = input_shape_of(model_path)
        examples = input_dict[EXAMPLES_KEY]
        test = _read_test_split(_files(examples, "test"), input_shape)
        embeddings = self._embed(examples, model_path, test, exec_properties)
        baseline = find_baseline(
            input_dict.get(BASELINE_MODEL_KEY), exec_properties.get(BASELINE_DIR_KEY)
        )
        not_compared = _difference(input_shape_of(baseline.path), input_shape) if baseline else ""
        evaluation = evaluate_model(
            embeddings,
            test,
            read_split(_files(examples, "train"), input_shape)["image"],
            None
            if not baseline or not_compared
            else self._embed(examples, baseline.path, test, exec_properties),
            _settings(exec_properties, model, not_compared),
        )
        _write_evaluation(
            artifact_utils.get_single_uri(output_dict[EVALUATION_KEY]), evaluation, test, embeddings
        )
        _write_blessing(
            artifact_utils.get_single_instance(output_dict[BLESSING_KEY]),
            evaluation,
            model,
            baseline,
            exec_properties[DISTANCE_KEY],
        )
        _track(model_path, evaluation)

    def _embed(
        self,
        examples: list[Any],
        model_path: str,
        test: LabelledImages,
        exec_properties: dict[str, Any],
    ) -> np.ndarray:
        """Embeds the test split, float32 [N, D] in the order of `test`."""
        gathered = os.path.join(self._get_tmp_dir(), "embeddings.npz")
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | EmbedSplit(_files(examples, "test"), model_path, exec_properties[BATCH_SIZE_KEY])
                | beam.combiners.ToList()
                | beam.Map(_save_by_key, gathered)
            )
        with fileio.open(gathered, "rb") as file:
            content = np.load(io.BytesIO(file.read()))
        keys = [key.decode() for key in content["keys"]]
        if keys != list(test.keys):
            raise RuntimeError("the embeddings are not those of the test split's images")
        return content["embeddings"]


def _files(examples: list[Any], split: str) -> str:
    return io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, split))


def _save_by_key(embedded: list[tuple[bytes, np.ndarray]], path: str) -> None:
    """Writes (key, embedding) pairs, sorted by key; Beam keeps no order."""
    if not embedded:
        raise EvaluationError("the test split has no images")
    keys, embeddings = zip(*sorted(embedded, key=lambda pair: pair[0]), strict=True)
    _save_arrays(path, keys=np.array(keys), embeddings=np.stack(embeddings))


def _save_arrays(path: str, **arrays: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with fileio.open(path, "wb") as file:
        file.write(buffer.getvalue())


def _read_test_split(files: str, input_shape: tuple[int, int, int]) -> LabelledImages:
    arrays = read_split(files, input_shape)
    order = np.argsort(arrays["image/key"])
    return LabelledImages(
        pixels=arrays["image"][order],
        identities=[identity.decode() for identity in arrays["identity"][order]],
        keys=[key.decode() for key in arrays["image/key"][order]],
    )


def _difference(baseline_shape: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Why models of these input shapes cannot be measured on the same pixels; empty if they can."""
    if baseline_shape == shape:
        return ""
    theirs, ours = ("x".join(map(str, sides)) for sides in (baseline_shape, shape))
    return f"it takes images of {theirs}, this one of {ours}"


def _settings(exec_properties: Mapping[str, Any], model: Any, not_compared: str) -> Settings:
    return Settings(
        distance=exec_properties[DISTANCE_KEY],
        target_fars=exec_properties[TARGET_FARS_KEY],
        ranks=exec_properties[RANKS_KEY],
        thresholds={
            metric: Bound.model_validate(bound)
            for metric, bound in exec_properties[THRESHOLDS_KEY].items()
        },
        max_regression=exec_properties[MAX_REGRESSION_KEY],
        seed=exec_properties[SEED_KEY],
        credit=exec_properties[CREDIT_KEY],
        provenance={
            "Evaluated": datetime.date.today().isoformat(),
            "Model artifact": str(model.id),
        },
        not_compared=not_compared,
    )


def _write_evaluation(
    folder: str, evaluation: Evaluation, test: LabelledImages, embeddings: np.ndarray
) -> None:
    metrics = json.dumps(evaluation.metrics, indent=2, allow_nan=False) + "\n"
    io_utils.write_string_file(os.path.join(folder, METRICS_FILE), metrics)
    io_utils.write_string_file(os.path.join(folder, REPORT_FILE), evaluation.report)
    _save_arrays(
        os.path.join(folder, EMBEDDINGS_FILE),
        keys=np.array(test.keys),
        identities=np.array(test.identities),
        embeddings=embeddings,
    )


def _write_blessing(
    blessing: Any, evaluation: Evaluation, model: Any, baseline: BaselineModel | None, distance: str
) -> None:
    """Fills the artifact as TFX's own Evaluator does, and adds the reasons and the threshold."""
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
    io_utils.write_string_file(os.path.join(blessing.uri, flag), "")
    io_utils.write_string_file(os.path.join(blessing.uri, REASONS_FILE), reasons + "\n")
    threshold = {
        "distance": distance,
        "threshold": evaluation.metrics["EER_threshold"],
        "operating_point": "EER",
        "FAR": evaluation.metrics["FAR"],
        "FRR": evaluation.metrics["FRR"],
    }
    io_utils.write_string_file(
        os.path.join(blessing.uri, THRESHOLD_FILE), json.dumps(threshold, indent=2) + "\n"
    )


def _track(model_path: str, evaluation: Evaluation) -> None:
    """Adds the test figures and the report to the MLflow run that the model was trained in."""
    run_file = os.path.join(model_path, RUN_FILE)
    if not fileio.exists(run_file):  # a model that this project's trainer did not write
        return
    tracker = Tracker(TrackedRun.from_json(io_utils.read_string_file(run_file)))
    figures = {f"test/{name}": value for name, value in _plain(evaluation.metrics).items()}
    for baseline in (RAW_PIXELS, EIGENFACES):
        plain = _plain(evaluation.metrics["baselines"][baseline])
        figures |= {f"{baseline}/{name}": value for name, value in plain.items()}
    tracker.log_metrics(figures)
    tracker.log_text(evaluation.report, REPORT_FILE)
    tracker.log_text(json.dumps(evaluation.metrics, indent=2) + "\n", METRICS_FILE)


def _plain(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}

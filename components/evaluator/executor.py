"""Executor of FaceEvaluator."""

import datetime
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from biometrics.csv_table import decode_text
from biometrics.embeddings import EmbeddingSet, ImageSet, PairScorer
from biometrics.engine.pairs import PairScores, score_pairs
from biometrics.errors import EvaluationError
from biometrics.evaluation import Evaluation, evaluate
from biometrics.figures.baselines import BASELINES
from biometrics.protocols import find_protocol
from biometrics.report.exports import tensorboard_scalars
from biometrics.settings import Settings, SliceSettings
from biometrics.thresholds.measured_images import describe_images, some_of
from biometrics.thresholds.measured_sizes import describe_sizes
from biometrics.thresholds.pack import (
    PACK_PROPERTY,
    THRESHOLDS_FILE,
    digest_of_folder,
    digest_of_images,
)
from components.beam_executor import BeamExecutor
from components.evaluator.baseline_model import BaselineModel, find_baseline
from components.evaluator.beam_pairs import score_pairs_in_beam
from components.evaluator.config import EvaluationConfig
from components.evaluator.embed import EmbedSplit, input_shape_of
from components.evaluator.tensorboard import write_scalars
from components.shards import shard_files
from components.tracking import RUN_FILE, TrackedRun, Tracker
from faces.contract import IDENTITY, IMAGE_KEY, TEST, TRAIN
from faces.storage import read_images, read_names
from groundfloor import progress
from serving.model_dir import contents_of, versions

EXAMPLES_KEY = "examples"
MODEL_KEY = "model"
BASELINE_MODEL_KEY = "baseline_model"
EVALUATION_KEY = "evaluation"
BLESSING_KEY = "blessing"

EVALUATION_CONFIG_KEY = "evaluation_config"
SEED_KEY = "seed"
CREDIT_KEY = "credit"
BASELINE_DIR_KEY = "baseline_dir"

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
EMBEDDINGS_FILE = "embeddings.npz"
REASONS_FILE = "reasons.txt"
CURVES_FOLDER = "curves"
TENSORBOARD_FOLDER = "tensorboard"


class Executor(BeamExecutor):
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
        config = EvaluationConfig.from_property(exec_properties[EVALUATION_CONFIG_KEY])
        model = artifact_utils.get_single_instance(input_dict[MODEL_KEY])
        model_path = path_utils.serving_model_path(model.uri)
        input_shape = input_shape_of(model_path)
        examples = input_dict[EXAMPLES_KEY]
        names = _sorted_names(_files(examples, TEST))
        test = _image_set(_files(examples, TEST), names, input_shape)
        embedded = test.embedded(self._embed(examples, model_path, test, config.batch_size))
        pushed_dir = exec_properties.get(BASELINE_DIR_KEY)
        baseline = find_baseline(input_dict.get(BASELINE_MODEL_KEY), pushed_dir)
        not_compared = _why_not_compared(baseline, pushed_dir, input_shape)
        of_training = _files(examples, TRAIN)
        training = _image_set(of_training, _sorted_names(of_training), input_shape)
        evaluation = evaluate(
            embedded,
            _settings(config, exec_properties, model, not_compared),
            train=training,
            latest_blessed=None
            if not baseline or not_compared
            else test.embedded(self._embed_again(examples, baseline.path, test, config.batch_size)),
            score=self._scorer(config),
        )
        _write_evaluation(
            artifact_utils.get_single_uri(output_dict[EVALUATION_KEY]), evaluation, embedded
        )
        blessing = artifact_utils.get_single_instance(output_dict[BLESSING_KEY])
        _write_blessing(blessing, evaluation, model, baseline)
        pack = evaluation.thresholds.pack(
            distance=config.distance,
            model_sha256=digest_of_folder(contents_of(model_path, fileio)),
            data_sha256=digest_of_images(test.keys, test.identities, names["sha256"]),
            measured_images=describe_images(
                *(split.pixels(some_of(len(split.keys))) for split in (test, training))
            ),
            measured_sizes=describe_sizes(
                *(names[f"image/{side}"].astype(np.int64) for side in ("height", "width"))
            ),
        )
        _write_text(os.path.join(blessing.uri, THRESHOLDS_FILE), pack.to_json())
        blessing.set_string_custom_property(PACK_PROPERTY, pack.sha256)
        _track(model_path, evaluation)

    def _embed(
        self,
        examples: list[Any],
        model_path: str,
        test: ImageSet,
        batch_size: int,
    ) -> np.ndarray:
        """Embeds the test split, float32 [N, D] in the order of `test`."""
        gathered = os.path.join(self._get_tmp_dir(), "embeddings.npz")
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | EmbedSplit(_files(examples, TEST), model_path, batch_size)
                | beam.combiners.ToList()
                | beam.Map(_save_by_key, gathered)
            )
        with fileio.open(gathered, "rb") as file:
            content = np.load(io.BytesIO(file.read()))
        keys = [key.decode() for key in content["keys"]]
        if keys != list(test.keys):
            raise RuntimeError("the embeddings are not those of the test split's images")
        return content["embeddings"]

    def _embed_again(self, *of_baseline: Any) -> np.ndarray:
        """`_embed` by another model; the images have been counted."""
        with progress.silenced():
            return self._embed(*of_baseline)

    def _scorer(self, config: EvaluationConfig) -> PairScorer:
        """Scores all pairs, in Beam where that is asked for."""
        shards = config.shards
        if shards is None:
            return score_pairs

        def score(embeddings: np.ndarray, identities: Sequence[str], distance: str) -> PairScores:
            return score_pairs_in_beam(
                self._make_beam_pipeline,
                embeddings,
                identities,
                distance,
                shards=shards,
                folder=self._get_tmp_dir(),
            )

        return score


def _files(examples: list[Any], split: str) -> list[str]:
    return shard_files(artifact_utils.get_split_uri(examples, split))


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


def _sorted_names(files: Sequence[str]) -> dict[str, np.ndarray]:
    """What the images of a split are, in the order of their keys."""
    names = read_names(files)
    order = np.argsort(names[IMAGE_KEY])
    return {name: values[order] for name, values in names.items()}


def _image_set(
    files: Sequence[str], names: Mapping[str, np.ndarray], input_shape: tuple[int, int, int]
) -> ImageSet:
    """The images stay in their files: a split may be larger than the memory."""
    keys = names[IMAGE_KEY]

    def pixels(images: Sequence[int]) -> np.ndarray:
        return read_images(files, input_shape, [keys[image] for image in images])

    return ImageSet(
        identities=[identity.decode() for identity in names[IDENTITY]],
        keys=[key.decode() for key in keys],
        pixels=pixels,
    )


def _why_not_compared(
    baseline: BaselineModel | None, pushed_dir: str | None, shape: tuple[int, int, int]
) -> str:
    """Why a blessed model that there is cannot be compared with; empty if it can, or is none."""
    if baseline:
        return _difference(input_shape_of(baseline.path), shape)
    if pushed_dir and versions(pushed_dir, fileio):
        return f"none in {pushed_dir} is whole and vouched for by its own thresholds"
    return ""


def _difference(baseline_shape: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Why models of these input shapes cannot be measured on the same pixels; empty if they can."""
    if baseline_shape == shape:
        return ""
    theirs, ours = ("x".join(map(str, sides)) for sides in (baseline_shape, shape))
    return f"it takes images of {theirs}, this one of {ours}"


def _settings(
    config: EvaluationConfig, exec_properties: Mapping[str, Any], model: Any, not_compared: str
) -> Settings:
    slices = config.slices
    return Settings(
        distance=config.distance,
        target_fars=config.target_fars,
        ranks=config.ranks,
        rules=config.rules(),
        seed=exec_properties[SEED_KEY],
        dev_share=config.dev_share,
        intervals=config.intervals,
        protocols=_options(config.protocols.asked()),
        slices=SliceSettings(slices.file, slices.columns) if slices else None,
        read=_read_text,
        credit=exec_properties[CREDIT_KEY],
        provenance={
            "Evaluated": datetime.date.today().isoformat(),
            "Model artifact": str(model.id),
        },
        not_compared=not_compared,
    )


def _options(protocols: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """All options of each protocol: those that are given, and the defaults of the others."""
    options = {name: vars(find_protocol(name, given)) for name, given in protocols.items()}
    return {
        name: {key: value for key, value in values.items() if value is not None}
        for name, values in options.items()
    }


def _read_text(path: str) -> str:
    """A text file, wherever it lies."""
    try:
        with fileio.open(path, "rb") as file:
            return decode_text(file.read())
    except (OSError, EvaluationError, tf.errors.OpError) as error:
        raise EvaluationError(f"cannot read {path}: {error}") from None


def _write_evaluation(folder: str, evaluation: Evaluation, images: EmbeddingSet) -> None:
    metrics = json.dumps(evaluation.metrics, indent=2, allow_nan=False) + "\n"
    _write_text(os.path.join(folder, METRICS_FILE), metrics)
    _write_text(os.path.join(folder, REPORT_FILE), evaluation.report)
    curves = os.path.join(folder, CURVES_FOLDER)
    fileio.makedirs(curves)
    for name, content in evaluation.curves.items():
        with fileio.open(os.path.join(curves, name), "wb") as file:
            file.write(content)
    _save_arrays(
        os.path.join(folder, EMBEDDINGS_FILE),
        keys=np.array(images.keys),
        identities=np.array(images.identities),
        embeddings=images.embeddings,
    )
    write_scalars(os.path.join(folder, TENSORBOARD_FOLDER), tensorboard_scalars(evaluation.metrics))


def _write_text(path: str, text: str) -> None:
    io_utils.write_string_file(path, text)


def _write_blessing(
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
    _write_text(os.path.join(blessing.uri, REASONS_FILE), reasons + "\n")


def _track(model_path: str, evaluation: Evaluation) -> None:
    """Adds the test figures and the report to the MLflow run that the model was trained in."""
    run_file = os.path.join(model_path, RUN_FILE)
    if not fileio.exists(run_file):  # a model that this project's trainer did not write
        return
    tracker = Tracker(TrackedRun.from_json(io_utils.read_string_file(run_file)))
    figures = tensorboard_scalars(evaluation.metrics)
    for name, baseline in evaluation.metrics["baselines"].items():
        if name in BASELINES:
            figures |= tensorboard_scalars(baseline, prefix=name)
    tracker.log_metrics(figures)
    tracker.log_text(evaluation.report, REPORT_FILE)
    tracker.log_text(json.dumps(evaluation.metrics, indent=2) + "\n", METRICS_FILE)

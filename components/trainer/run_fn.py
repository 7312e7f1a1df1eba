"""The `run_fn` that TFX's Trainer calls."""

import json
import logging
import posixpath
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.shards import shard_files
from components.tracking.run import RUN_FILE, TrackedRun
from components.tracking.steps import log_checkpoints, start_tracking, training_tracker
from components.tracking.tracker import Tracker
from components.trainer.callbacks import MODEL_NAME, ProgressReporter
from components.trainer.checkpoints import Checkpoints
from components.trainer.config import TrainerSettings
from components.trainer.conversions import CALIBRATION_IMAGES, write_exports
from components.trainer.devices import (
    DeviceError,
    build_strategy,
    is_chief,
    lost_worker,
    wait_for_workers,
)
from components.trainer.doctor.rounds import of_steps
from components.trainer.export import ServingModule
from components.trainer.loop import Reports
from components.trainer.settling import read_images, settle
from components.trainer.training import TrainingResult, train
from components.trainer.unfinished import Note, unfinished_folder
from components.trainer.validation import load_validation
from faces.contract import IMAGE, vocabulary_of
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages
from faces.storage import read_split
from groundfloor import progress
from serving.exports import require_packages

HISTORY_FILE = "history.json"

_log = logging.getLogger(__name__)


def run_fn(fn_args: FnArgs) -> None:
    """Trains, exports and tracks a model.

    Reads from `fn_args`: `train_files` and `eval_files` (patterns of transformed examples, beside
    which `PREPROCESSING_FILE` says what their images went through), `schema_path` (the identity
    vocabulary), and `custom_config`, a `TrainerSettings`.

    Writes: the SavedModel to `serving_model_dir`, with `PREPROCESSING_FILE` and the exports that
    are asked for; `MODEL_NAME`, TensorBoard's logs and the history to `model_run_dir`. Until that
    is done, the state of the training lies where the next attempt finds it: see `unfinished`.

    Where `TF_CONFIG` names several workers, each is started with the same arguments, and the chief
    alone writes. The others have done their part when `serving_model_dir` is there.

    Raises:
      UserError: the data cannot train a model, the training diverged, another worker is gone, or a
        package is missing that an export needs.
      TrainingInterrupted: the process was asked to end.
    """
    settings = TrainerSettings.model_validate(fn_args.custom_config)
    require_packages(settings.model.export)
    build_strategy(settings.training.strategy)  # joins the workers, before TensorFlow does anything
    checkpoints = _checkpoints(fn_args, settings)
    noted = checkpoints.noted() if checkpoints else None
    note = Note.from_json(noted) if noted else None
    if is_chief():
        _deliver(fn_args, settings, note, checkpoints)
    else:
        _train(fn_args, settings, note, Tracker(TrackedRun("", "")), checkpoints)
    are_all_done = wait_for_workers()
    if not fileio.exists(fn_args.serving_model_dir):
        if not are_all_done:
            raise lost_worker()
        raise DeviceError(
            "this worker has done its part of the training, and the chief has the model: it is not "
            f"in {fn_args.serving_model_dir}. Later steps run where the chief's outputs are"
        )


def _deliver(
    fn_args: FnArgs,
    settings: TrainerSettings,
    note: Note | None,
    checkpoints: Checkpoints | None,
) -> None:
    """Trains, and writes all that `run_fn` says."""
    tracker = training_tracker(Path(fn_args.model_run_dir), note.run if note else None)
    succeeded = False
    try:
        start_tracking(
            tracker, settings.model_dump(mode="json"), _listed_files(fn_args.train_files)
        )
        prepared = _prepared_images(fn_args.train_files)
        result = _train(fn_args, settings, note, tracker, checkpoints)
        served = ServingModule(result.embedding_model, prepared.preprocessing)
        served.save(fn_args.serving_model_dir)
        _write(fn_args.serving_model_dir, PREPROCESSING_FILE, prepared.to_json())
        _export(fn_args, settings, result.embedding_model)
        model_file = Path(fn_args.model_run_dir) / MODEL_NAME
        result.embedding_model.save(model_file)
        _write(fn_args.model_run_dir, HISTORY_FILE, json.dumps(result.history, indent=2) + "\n")
        model = settings.model
        tracker.log_keras_model(
            result.embedding_model, tuple(model.input_shape), model.embedding_dim
        )
        log_checkpoints(tracker, model_file.parent)
        succeeded = True
    finally:
        tracker.finish(succeeded)
    _write(fn_args.serving_model_dir, RUN_FILE, tracker.run.to_json())
    if checkpoints:
        checkpoints.remove()


def _export(fn_args: FnArgs, settings: TrainerSettings, model: keras.Model) -> None:
    """Writes the exports that are asked for, each as the training images calibrate it."""
    height, width, channels = settings.model.input_shape

    def calibration() -> NDArray[np.uint8]:
        files = _listed_files(fn_args.train_files)
        return read_split(files, (height, width, channels), CALIBRATION_IMAGES)[IMAGE]

    write_exports(model, settings.model.export, fn_args.serving_model_dir, calibration)


def _train(
    fn_args: FnArgs,
    asked: TrainerSettings,
    note: Note | None,
    tracker: Tracker,
    checkpoints: Checkpoints | None,
) -> TrainingResult:
    """Trains on the files that `fn_args` names, and tells progress and tracker how it goes."""
    files = _listed_files(fn_args.train_files)
    vocabulary = vocabulary_of(io_utils.parse_pbtxt_file(fn_args.schema_path, schema_pb2.Schema()))
    num_classes = len(vocabulary)
    if note:
        settings, images = note.settings, read_images(note.settings, files, num_classes)
    else:
        settings, images = settle(asked, files, num_classes)
    if checkpoints and is_chief():
        checkpoints.note(Note(settings, tracker.run).to_json())
    training = settings.training
    height, width, channels = settings.model.input_shape
    held_out = load_validation(
        _listed_files(fn_args.eval_files), (height, width, channels), training.batch_size
    )

    def report(epoch: int, epochs: int, figures: dict[str, float]) -> None:
        note = ", ".join(f"{name} {value:.3g}" for name, value in sorted(figures.items()))
        progress.advance("epochs", 1, epochs, note)
        tracker.log_metrics(figures, step=epoch)

    def went_on(done: int) -> None:
        progress.advance("epochs", done, training.epochs, "done before")

    def tell_duration(words: str) -> None:
        _log.info("the training takes %s", words)
        progress.advance("epochs", 0, training.epochs, words)

    return train(
        settings,
        images,
        held_out,
        num_classes=num_classes,
        people=vocabulary,
        checkpoints=checkpoints,
        log_dir=training.log_dir or Path(fn_args.model_run_dir) / "tensorboard",
        callbacks=[ProgressReporter(report, went_on)],
        reports=Reports(
            lambda step, figures: tracker.log_metrics(of_steps(figures), step), tell_duration
        ),
    )


def _checkpoints(fn_args: FnArgs, settings: TrainerSettings) -> Checkpoints | None:
    """Where this training keeps its state, and finds that of an attempt that was killed."""
    files = [*_listed_files(fn_args.train_files), *_listed_files(fn_args.eval_files)]
    folder = unfinished_folder(settings, files)
    if folder is None:
        _log.warning("no training.checkpoint_dir: a training that is killed begins anew")
        return None
    return Checkpoints(folder)


def _listed_files(patterns: list[str]) -> list[str]:
    """What the writer of a split listed, for the `<uri>/Split-<name>/*` that TFX names it by."""
    (pattern,) = patterns
    return shard_files(posixpath.dirname(pattern))


def _prepared_images(patterns: list[str]) -> PreparedImages:
    """What the images of the same patterns went through."""
    (pattern,) = patterns
    examples_uri = posixpath.dirname(posixpath.dirname(pattern))
    path = posixpath.join(examples_uri, PREPROCESSING_FILE)
    return PreparedImages.from_json(io_utils.read_string_file(path))


def _write(folder: str, name: str, content: str) -> None:
    path = Path(folder) / name
    fileio.makedirs(str(path.parent))
    io_utils.write_string_file(str(path), content)

"""The `run_fn` that TFX's Trainer calls."""

import json
import posixpath
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.run_environment import tracking_store
from components.shards import shard_files
from components.tracking import RUN_FILE, TrackedRun, Tracker
from components.trainer.callbacks import ProgressReporter
from components.trainer.config import TrainerSettings
from components.trainer.data import load_split, shuffled_images
from components.trainer.export import ServingModule
from components.trainer.face_model_trainer import FaceModelTrainer, TrainingResult
from faces.contract import vocabulary_of
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages
from groundfloor import progress

HISTORY_FILE = "history.json"


def run_fn(fn_args: FnArgs) -> None:
    """Trains, exports and tracks a model.

    Reads from `fn_args`: `train_files` and `eval_files` (patterns of transformed examples, beside
    which `PREPROCESSING_FILE` says what their images went through), `schema_path` (the identity
    vocabulary), and `custom_config`, a `TrainerSettings`.

    Writes: the SavedModel to `serving_model_dir`, with `PREPROCESSING_FILE`; checkpoints,
    TensorBoard's logs and the history to `model_run_dir`.

    Raises:
      UserError: the data cannot train a model, or the training diverged.
    """
    settings = TrainerSettings.model_validate(fn_args.custom_config)
    tracker = _start_tracking(settings)
    succeeded = False
    try:
        prepared = _prepared_images(fn_args.train_files)
        result = _train(fn_args, settings, tracker)
        served = ServingModule(result.embedding_model, prepared.preprocessing)
        served.save(fn_args.serving_model_dir)
        _write(fn_args.serving_model_dir, PREPROCESSING_FILE, prepared.to_json())
        _write(fn_args.model_run_dir, HISTORY_FILE, json.dumps(result.history, indent=2) + "\n")
        model = settings.model
        tracker.log_keras_model(
            result.embedding_model, tuple(model.input_shape), model.embedding_dim
        )
        succeeded = True
    finally:
        tracker.finish(succeeded)
    _write(fn_args.serving_model_dir, RUN_FILE, tracker.run.to_json())


def _start_tracking(settings: TrainerSettings) -> Tracker:
    store = tracking_store()
    if store is None:
        return Tracker(TrackedRun(tracking_uri="", experiment=""))
    tracker = Tracker(TrackedRun(store.uri, store.experiment))
    params = {
        f"{section}.{key}": value
        for section, values in settings.model_dump(mode="json", exclude={"seed"}).items()
        for key, value in values.items()
    }
    tracker.start(params | {"seed": settings.seed}, store.artifact_dir, store.owner)
    return tracker


def _train(fn_args: FnArgs, settings: TrainerSettings, tracker: Tracker) -> TrainingResult:
    """Trains on the files that `fn_args` names, and tells progress and tracker of each epoch."""
    training, seed = settings.training, settings.seed
    height, width, channels = settings.model.input_shape
    input_shape = (height, width, channels)
    train_files, val_files = map(_listed_files, (fn_args.train_files, fn_args.eval_files))
    vocabulary = vocabulary_of(io_utils.parse_pbtxt_file(fn_args.schema_path, schema_pb2.Schema()))

    def report(epoch: int, epochs: int, figures: dict[str, float]) -> None:
        note = ", ".join(f"{name} {value:.3g}" for name, value in sorted(figures.items()))
        progress.advance("epochs", 1, epochs, note)
        tracker.log_metrics(figures, step=epoch)

    model_run_dir = Path(fn_args.model_run_dir)
    return FaceModelTrainer(settings.model, training, seed).train(
        shuffled_images(load_split(train_files, input_shape), seed),
        load_split(val_files, input_shape),
        num_classes=len(vocabulary),
        checkpoint_dir=training.checkpoint_dir or model_run_dir / "checkpoints",
        log_dir=training.log_dir or model_run_dir / "tensorboard",
        callbacks=[ProgressReporter(report)],
    )


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

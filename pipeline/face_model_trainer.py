"""Trains a model from Python, in a notebook or a script, without a pipeline: no TFX, no Beam.

    from pipeline.face_model_trainer import FaceModelTrainer

    trainer = FaceModelTrainer("configs/demo.yaml", "faces")
    result = trainer.train()

An interrupted training begins anew, and nothing says whether the model is good enough: these are
the pipeline's.

Where `TF_CONFIG` names several workers, each runs the same program on the same images, and the
chief alone writes the model, the logs and what MLflow gets.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras

from components.run_environment import TrackingStore
from components.tracking.begin import begin_run
from components.tracking.outbox import TRAINING, Outbox
from components.tracking.provenance import tags_of
from components.tracking.run import TrackedRun, credentials_in_environment
from components.tracking.system_metrics import SystemMetrics
from components.tracking.tracker import Tracker
from components.trainer.auto import DataFacts
from components.trainer.callbacks import (
    MODEL_NAME,
    ModelCheckpoint,
    ProgressReporter,
    build_callbacks,
    first_comparable_epoch,
)
from components.trainer.config import MONITORS, TrainerSettings
from components.trainer.data import TrainingImages
from components.trainer.devices import (
    build_strategy,
    is_chief,
    lost_worker,
    number_of_workers,
    wait_for_workers,
)
from components.trainer.doctor.rounds import of_steps
from components.trainer.export import ServingModule
from components.trainer.loop import Reports
from components.trainer.settling import settle_by
from components.trainer.training import TrainingResult, monitor_of, train
from components.trainer.validation import ValidationImages
from faces.contract import TRAIN, UNKNOWN_LABEL, VAL
from faces.images.preprocess import PREPROCESSING_FILE
from groundfloor.errors import UserError
from pipeline.config import CONFIGS, load_config
from pipeline.prepared_faces import PreparedFaces, prepare_faces
from pipeline.tracking import given_uri, store_for

_log = logging.getLogger(__name__)

# Below the output folder: the weights of the best epoch so far, and the model as it is served.
WEIGHTS_NAME = "best.weights.h5"
SAVED_MODEL = "saved_model"


class CallbacksError(UserError):
    """The callbacks of a training lack what its result relies on."""


@dataclass(frozen=True)
class _Prepared:
    """What a training begins with: settings without "auto", and the images."""

    settings: TrainerSettings
    images: TrainingImages
    held_out: ValidationImages
    monitor: str


class FaceModelTrainer:
    """Trains one model by a configuration file.

    Args:
      config_path: YAML; None: the recipe that follows the data, `configs/auto.yaml`.
      experiment_name: of MLflow; None: `tracking.experiment`.
      output_dir: where model, weights and logs go, and MLflow's store where the configuration and
        the environment name none. A later training in the same folder replaces the model.
      overrides: keys in place of the file's, such as `["data.input_dir=my/faces"]`.

    Attributes:
      config: the whole configuration.
      output_dir: as given.

    Raises:
      ConfigError: the file cannot be read, or a key or value is wrong.
    """

    def __init__(
        self,
        config_path: str | Path | None = None,
        experiment_name: str | None = None,
        *,
        output_dir: str | Path = "runs/python",
        overrides: Sequence[str] = (),
    ):
        path = CONFIGS / "auto.yaml" if config_path is None else Path(config_path)
        config = load_config(path, list(overrides))
        experiment = experiment_name or config.tracking.experiment
        tracking = config.tracking.model_copy(update={"experiment": experiment})
        self.config = config.model_copy(update={"tracking": tracking})
        self.output_dir = Path(output_dir)

    @cached_property
    def faces(self) -> PreparedFaces:
        """The images of all splits; read when they are first asked for, and kept.

        Raises:
          UserError: see `prepare_faces`; or the workers cannot be joined.
        """
        # Before TensorFlow does anything, as it does with the first image.
        build_strategy(self.config.training.strategy)
        faces = prepare_faces(self.config)
        counts = faces.quarantine.counts
        if counts:
            reasons = ", ".join(f"{times} x {reason}" for reason, times in counts.items())
            unused = sum(counts.values())
            _log.warning("%d of %d files are not used: %s", unused, faces.quarantine.files, reasons)
        for remark in faces.remarks:
            _log.warning("%s", remark)
        return faces

    def prepare_data(self) -> tuple[TrainingImages, ValidationImages]:
        """Reads, checks and splits the images, as the pipeline does with this configuration.

        What is not used is logged with its reasons; `faces.quarantine` names every file.

        Returns:
          The images to train on, and those held out.

        Raises:
          UserError: the images cannot be read, or cannot train a model.
        """
        return self._prepared.images, self._prepared.held_out

    def get_callbacks(self) -> list[keras.callbacks.Callback]:
        """New callbacks for one training, which `train` takes with others added.

        They are Keras' EarlyStopping, ReduceLROnPlateau (with the schedule `plateau`), TensorBoard
        and ModelCheckpoint, and before them one that stops a training that diverges. Several
        workers have no ModelCheckpoint, and those that are not the chief no TensorBoard.
        """
        training, monitor = self._prepared.settings.training, self._prepared.monitor
        log_dir = training.log_dir or self.output_dir / "tensorboard"
        usual = build_callbacks(training, monitor, log_dir if is_chief() else None)
        if number_of_workers() > 1:
            return usual  # Keras writes weights only where all workers do
        checkpoint = ModelCheckpoint(
            filepath=self.output_dir / WEIGHTS_NAME,
            monitor=monitor,
            mode=MONITORS[monitor],
            save_best_only=True,
            save_weights_only=True,
            start_from_epoch=first_comparable_epoch(training, monitor),
        )
        return [*usual, checkpoint]

    def train(self, callbacks: Sequence[keras.callbacks.Callback] | None = None) -> TrainingResult:
        """Trains, tracks the training in MLflow, and saves the model.

        The output folder gets `MODEL_NAME`, which loads wherever Keras does, and `SAVED_MODEL`,
        which takes image files: see `serving.embedder`. Of several workers the chief writes it,
        and the others return when it has.

        Args:
          callbacks: those of `get_callbacks`, with others added; None: those.

        Raises:
          UserError: the data cannot train a model, the training diverges or is hopeless, or
            another worker is gone.
          TrainingInterrupted: the process was asked to end.
        """
        prepared, training = self._prepared, self._prepared.settings.training
        usual = self.get_callbacks() if callbacks is None else list(callbacks)
        _require_best_weights(usual, prepared.monitor)
        if training.checkpoint_dir:
            _log.warning("training.checkpoint_dir is the pipeline's: nothing is kept there")
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with self._tracked() as tracker:

            def report(epoch: int, epochs: int, figures: dict[str, float]) -> None:
                note = ", ".join(f"{name} {value:.3g}" for name, value in sorted(figures.items()))
                _log.info("epoch %d of %d: %s", epoch, epochs, note)
                tracker.log_metrics(figures, step=epoch)

            result = train(
                prepared.settings,
                prepared.images,
                prepared.held_out,
                num_classes=len(self.faces.vocabulary),
                people=self.faces.vocabulary,
                usual=usual,
                callbacks=[ProgressReporter(report)],
                reports=Reports(lambda step, seen: tracker.log_metrics(of_steps(seen), step)),
            )
            if is_chief():
                self._save(result, tracker)
        if not wait_for_workers() and not is_chief():
            raise lost_worker()
        return result

    @cached_property
    def _prepared(self) -> _Prepared:
        faces, config = self.faces, self.config
        people, train_images = len(faces.vocabulary), faces.splits[TRAIN]

        def images_of(chosen: TrainerSettings) -> TrainingImages:
            known = train_images.pixels, train_images.labels
            return TrainingImages.of(known, people, chosen.training, chosen.seed)

        asked = TrainerSettings(model=config.model, training=config.training, seed=config.data.seed)
        facts = DataFacts(people, len(train_images.labels))
        settings, images = settle_by(facts, asked, images_of)
        held_out = _held_out(faces, settings.training.batch_size)
        return _Prepared(settings, images, held_out, monitor_of(settings.training, held_out))

    @contextmanager
    def _tracked(self) -> Iterator[Tracker]:
        """The run of a training, which is closed as finished or failed."""
        with credentials_in_environment(given_uri(self.config.tracking)) as uri:
            tracker = self._new_tracker(self._store(uri))
            succeeded = False
            try:
                yield tracker
                succeeded = True
            finally:
                tracker.finish(succeeded)

    def _store(self, uri: str) -> TrackingStore | None:
        if not self.config.tracking.enabled or not is_chief():
            return None
        folder = self.output_dir.resolve()
        own = f"sqlite:///{folder / 'mlflow.db'}"
        artifacts = None if uri else (folder / "mlflow").as_uri()
        return store_for(self.config, uri or own, artifact_dir=artifacts)

    def _new_tracker(self, store: TrackingStore | None) -> Tracker:
        """One that has begun the run; without a store, one that does nothing."""
        if store is None:
            return Tracker(TrackedRun(tracking_uri="", experiment=""))
        run = TrackedRun(store.uri, store.experiment)
        unsent = Outbox(self.output_dir, run, TRAINING)
        tracker = Tracker(run, unsent=unsent, system=SystemMetrics())
        tags = tags_of(source_fingerprint=self.faces.fingerprint)
        begin_run(tracker, store, self._prepared.settings.model_dump(mode="json"), tags)
        return tracker

    def _save(self, result: TrainingResult, tracker: Tracker) -> None:
        """Writes the model in both forms, and tracks it."""
        prepared, model = self.faces.prepared, self.config.model
        file, folder = self.output_dir / MODEL_NAME, self.output_dir / SAVED_MODEL
        result.embedding_model.save(file)
        ServingModule(result.embedding_model, prepared.preprocessing).save(str(folder))
        (folder / PREPROCESSING_FILE).write_text(prepared.to_json(), encoding="utf-8")
        tracker.log_keras_model(
            result.embedding_model, tuple(model.input_shape), model.embedding_dim
        )
        if self.config.tracking.log_checkpoints:
            tracker.log_file(file, "checkpoints")


def _held_out(faces: PreparedFaces, batch_size: int) -> ValidationImages:
    """The val split: the known people's images by label, the strangers' by name."""
    images = faces.splits[VAL]
    known = images.labels != UNKNOWN_LABEL
    return ValidationImages.of(
        images.pixels[known],
        images.labels[known],
        batch_size,
        strangers=(images.pixels[~known], images.identities[~known]),
    )


def _require_best_weights(callbacks: Sequence[keras.callbacks.Callback], monitor: str) -> None:
    """Refuses callbacks with which the result would not be of the epoch that it names."""
    restoring = [
        callback
        for callback in callbacks
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights
    ]
    if [callback.monitor for callback in restoring] != [monitor]:
        raise CallbacksError(
            f"the callbacks need one EarlyStopping that restores the best weights by {monitor}, as "
            "get_callbacks() has it: give train() all of those, and others after them"
        )

"""The trackers of the steps: the trainer begins a run, and later steps go on with it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.run_environment import TrackingStore, tracking_store
from components.tracking.begin import begin_run
from components.tracking.client import Start
from components.tracking.outbox import TRAINING, Outbox
from components.tracking.provenance import tags
from components.tracking.run import RUN_FILE, TrackedRun
from components.tracking.system_metrics import SystemMetrics
from components.tracking.tracker import Tracker, now


def training_tracker(folder: Path, killed: TrackedRun | None = None) -> Tracker:
    """The tracker of a training; it does nothing where the run is not tracked.

    Args:
      folder: of the training's artifact, where what MLflow does not take is kept if the pipeline's
        run has no place for it.
      killed: the run of a training that was killed and goes on; a new one begins without it, or
        where the store is another by now.
    """
    store = tracking_store()
    if store is None:
        return Tracker(TrackedRun(tracking_uri="", experiment=""))
    run = TrackedRun(store.uri, store.experiment)
    if killed and (killed.tracking_uri, killed.experiment) == (store.uri, store.experiment):
        run = replace(killed, failure="")
    return Tracker(run, unsent=_outbox(store, run, TRAINING, folder), system=SystemMetrics())


def start_tracking(
    tracker: Tracker, settings: Mapping[str, Any], train_files: Iterable[str]
) -> None:
    """Begins the run with all that is known before the training.

    Args:
      tracker: of `training_tracker`.
      settings: see `begin_run`.
      train_files: the shards of the training split.
    """
    store = tracking_store()
    if store is None:
        return
    begin_run(tracker, store, settings, tags(train_files))


def log_checkpoints(tracker: Tracker, folder: Path) -> None:
    """Logs the files of a folder of checkpoints, where that is asked for."""
    store = tracking_store()
    if store and store.log_checkpoints:
        for path in sorted(folder.glob("*.keras")):
            tracker.log_file(path, "checkpoints")


def later_tracker(model_path: str, step: str, folder: str) -> Tracker | None:
    """Goes on with the run that a model was trained in.

    Args:
      model_path: folder of the SavedModel.
      step: that goes on.
      folder: of its artifact, as in `training_tracker`.

    Returns:
      None where this run is not tracked, or another than this project's trainer wrote the model.
    """
    store = tracking_store()
    run_file = os.path.join(model_path, RUN_FILE)
    if store is None or not fileio.exists(run_file):
        return None
    run = TrackedRun.from_json(io_utils.read_string_file(run_file))
    begins = Start(now(), store.artifact_dir, store.owner)
    return Tracker(run, unsent=_outbox(store, run, step, Path(folder)), begins=begins)


def _outbox(store: TrackingStore, run: TrackedRun, step: str, folder: Path) -> Outbox:
    return Outbox(Path(store.unsent_dir) if store.unsent_dir else folder, run, step)

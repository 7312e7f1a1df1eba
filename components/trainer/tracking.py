"""MLflow: one run for one trained model, written by the trainer and completed by the evaluator."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

_log = logging.getLogger(__name__)

# Within the SavedModel, in the folder that TensorFlow Serving leaves to whatever goes with a model.
RUN_FILE = os.path.join("assets.extra", "mlflow_run.json")

# Whose training a run is: the identity of a metadata store.
_OWNER_TAG = "arcface_pipeline.owner"

_ENVIRONMENT = {
    # A server that does not answer is given up after seconds; MLflow's own defaults take minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Nobody is told of a training but the store that was asked to keep it.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class TrackedRun:
    """Where a model's MLflow run is.

    Attributes:
      tracking_uri: of the MLflow store.
      experiment: its name.
      run_id: None where there is no run, because tracking is off or failed.
      failure: why tracking stopped; empty if it did not.
    """

    tracking_uri: str
    experiment: str
    run_id: str | None = None
    failure: str = ""

    def to_json(self) -> str:
        """The content of `RUN_FILE`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TrackedRun":
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))


class Tracker:
    """Writes to one MLflow run, and never lets a tracking server cost the work that it tracks.

    The first call that fails is logged as a warning and remembered in `run.failure`; later ones do
    nothing. Without `start`, and without a run id to go on with, every call does nothing.

    Args:
      run: the store, and the run to go on with; without a run id, `start` begins one.
    """

    def __init__(self, run: TrackedRun):
        self.run = run

    def start(
        self, params: Mapping[str, Any], artifact_dir: str | None, owner: str | None = None
    ) -> None:
        """Begins a run and logs its parameters.

        Args:
          params: key -> value.
          artifact_dir: where a new experiment keeps its artifacts; None: MLflow's default.
          owner: who may close the run, should it be killed: see `close_killed`.
        """
        self._attempt(lambda: self._start(params, artifact_dir, owner))

    def close_killed(self, owner: str) -> None:
        """Marks the runs as killed that an owner began, and that are running still.

        Args:
          owner: as given to `start`; only where it has no training that is alive.
        """
        self._attempt(lambda: self._close_killed(owner))

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Logs one point of each metric; names are made to fit MLflow's rules."""
        if self.run.run_id:
            self._attempt(lambda: self._log_metrics(metrics, step))

    def log_text(self, text: str, name: str) -> None:
        """Logs a text as an artifact of the run, under a file name."""
        if self.run.run_id:
            self._attempt(lambda: self._client().log_text(self.run.run_id, text, name))

    def log_keras_model(self, model: Any, input_shape: tuple[int, ...], embedding_dim: int) -> None:
        """Logs a Keras model with its signature: pixels in, embeddings out."""
        if self.run.run_id:
            self._attempt(lambda: self._log_keras_model(model, input_shape, embedding_dim))

    def finish(self, succeeded: bool) -> None:
        """Marks the run as finished or failed."""
        if self.run.run_id:
            status = "FINISHED" if succeeded else "FAILED"
            self._attempt(lambda: self._client().set_terminated(self.run.run_id, status))

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.run.failure:
            return
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            action()
        except Exception as error:  # whatever MLflow, its server or its store may raise
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            _log.warning("MLflow tracking stopped, the pipeline goes on: %s", reason)
            self.run = TrackedRun(**(asdict(self.run) | {"failure": reason}))

    def _client(self) -> Any:
        from mlflow import MlflowClient  # noqa: PLC0415 - seconds, and not wanted where it is off

        return MlflowClient(self.run.tracking_uri)

    def _close_killed(self, owner: str) -> None:
        client = self._client()
        experiment = client.get_experiment_by_name(self.run.experiment)
        if experiment:
            left = f"attributes.status = 'RUNNING' and tags.`{_OWNER_TAG}` = '{owner}'"
            for run in client.search_runs([experiment.experiment_id], filter_string=left):
                client.set_terminated(run.info.run_id, "KILLED")

    def _start(
        self, params: Mapping[str, Any], artifact_dir: str | None, owner: str | None
    ) -> None:
        client = self._client()
        experiment = client.get_experiment_by_name(self.run.experiment)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(self.run.experiment, artifact_location=artifact_dir)
        )
        tags = {_OWNER_TAG: owner} if owner else {}
        run_id = client.create_run(experiment_id, tags=tags).info.run_id
        self.run = TrackedRun(self.run.tracking_uri, self.run.experiment, run_id)
        for key, value in params.items():
            client.log_param(run_id, key, value)

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        client = self._client()
        for name, value in metrics.items():
            client.log_metric(self.run.run_id, _metric_name(name), value, step=step)

    def _log_keras_model(
        self, model: Any, input_shape: tuple[int, ...], embedding_dim: int
    ) -> None:
        import keras  # noqa: PLC0415
        import mlflow  # noqa: PLC0415
        import numpy as np  # noqa: PLC0415
        import tensorflow as tf  # noqa: PLC0415
        from mlflow.types import Schema, TensorSpec  # noqa: PLC0415

        signature = mlflow.models.ModelSignature(
            inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *input_shape), "pixels")]),
            outputs=Schema([TensorSpec(np.dtype("float32"), (-1, embedding_dim), "embedding")]),
        )
        # log_model knows only the global store, which MLflow keeps in this variable. Restored from
        # get_tracking_uri, an unset one would become a default that later runs take for a choice.
        former = os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(self.run.tracking_uri)
        try:
            with mlflow.start_run(run_id=self.run.run_id):
                mlflow.keras.log_model(
                    model,
                    name="model",
                    signature=signature,
                    # Named here, since MLflow would find them out by importing everything anew.
                    pip_requirements=[
                        f"tensorflow=={tf.__version__}",
                        f"keras=={keras.__version__}",
                    ],
                )
        finally:
            mlflow.set_tracking_uri(former)


def _metric_name(name: str) -> str:
    """MLflow takes letters, digits, `_-. :/` in names: `TAR@FAR=1e-03` has two more."""
    return name.replace("@", " at ").replace("=", " ").replace("(", "").replace(")", "")

"""MLflow: one run for one trained model, written by the trainer and completed by the evaluator.

A store's credentials are in no record: `credentials_in_environment` keeps them in the environment
of the process, where each of its trackers finds them.
"""

import importlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from components.patience import Call
from components.run_environment import in_environment
from groundfloor.credentials import without_credentials
from groundfloor.text import shown_text

_log = logging.getLogger(__name__)

# Within the SavedModel, in the folder that TensorFlow Serving leaves to whatever goes with a model.
RUN_FILE = os.path.join("assets.extra", "mlflow_run.json")

# Whose training a run is: the identity of a metadata store.
_OWNER_TAG = "arcface_pipeline.owner"
# Where the whole address of the store is, for this process alone; MLflow's own variable is looked
# at, too, since that is how a Kubernetes secret gives it.
_URI_VARIABLE = "ARCFACE_PIPELINE_TRACKING_URI"
_MLFLOW_URI_VARIABLE = "MLFLOW_TRACKING_URI"

_ENVIRONMENT = {
    # A server that does not answer is given up after seconds; MLflow's own defaults take minutes,
    # and it would come back when the server says: in an hour, perhaps.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    # With the address come the credentials that are in it.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Nobody is told of a training but the store that was asked to keep it.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


# Metrics that MLflow takes in one request.
_MAX_BATCH = 1000


@dataclass(frozen=True)
class Patience:
    """How long a tracking server may hold the pipeline up.

    A server that answers every call within `answer` is never given up, however many calls there
    are; all others together take no longer than `in_all`. No epoch waits for its metrics to arrive.

    Attributes:
      answer: seconds that a call may take without being counted.
      upload: the same for the model.
      in_all: seconds beyond those, over all calls of a process.
    """

    answer: float = 2.0
    upload: float = 10.0
    in_all: float = 20.0


# Store -> seconds that this process has waited for it beyond what each call may take.
_lost: dict[str, float] = {}


@dataclass(frozen=True)
class TrackedRun:
    """Where a model's MLflow run is.

    Attributes:
      tracking_uri: of the MLflow store, without credentials.
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
        run = cls(**json.loads(text))
        if not _is_remote(run.tracking_uri):  # a path, whatever its folders are called
            return run
        return replace(run, tracking_uri=without_credentials(run.tracking_uri))


@contextmanager
def credentials_in_environment(uri: str) -> Iterator[str]:
    """Keeps a store's credentials in the environment while the trackers need them.

    Args:
      uri: of the store, perhaps with credentials.

    Yields:
      The URI without them, to be recorded.
    """
    with in_environment({_URI_VARIABLE: uri}):
        yield without_credentials(uri)


def _with_credentials(recorded: str) -> str:
    """The whole URI of a store, where the environment has the one that was recorded."""
    for variable in (_URI_VARIABLE, _MLFLOW_URI_VARIABLE):
        uri = os.environ.get(variable, "")
        if uri and without_credentials(uri) == recorded:
            return uri
    return recorded


def _is_remote(uri: str) -> bool:
    """Whether a server has to answer; a file of this machine has nobody who could be slow."""
    return urlsplit(uri).scheme.partition("+")[0] not in ("", "file", "sqlite")


class Tracker:
    """Writes to one MLflow run, and never lets a tracking server cost the work that it tracks.

    The first call that fails is logged as a warning and remembered in `run.failure`; later ones do
    nothing. Without `start`, and without a run id to go on with, every call does nothing.

    Args:
      run: the store, and the run to go on with; without a run id, `start` begins one.
      patience: with a store that is a server.
    """

    def __init__(self, run: TrackedRun, patience: Patience | None = None):
        self.run = run
        self._patience = patience or Patience()
        self._uri = _with_credentials(run.tracking_uri)
        self._unsent: list[Any] = []
        self._sending: Call | None = None

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
        """Logs one point of each metric, under names that MLflow takes.

        A server gets them in the background. What it has not taken by then, the next call of
        another kind sends first.
        """
        if self.run.run_id:
            self._attempt(lambda: self._log_metrics(metrics, step), settle=False)

    def log_text(self, text: str, name: str) -> None:
        """Logs a text as an artifact of the run, under a file name."""
        if self.run.run_id:
            self._attempt(lambda: self._client().log_text(self.run.run_id, text, name))

    def log_keras_model(self, model: Any, input_shape: tuple[int, ...], embedding_dim: int) -> None:
        """Logs a Keras model with its signature: pixels in, embeddings out."""
        if self.run.run_id:
            self._attempt(
                lambda: self._log_keras_model(model, input_shape, embedding_dim),
                allowed=self._patience.upload,
            )

    def finish(self, succeeded: bool) -> None:
        """Marks the run as finished or failed."""
        if self.run.run_id:
            status = "FINISHED" if succeeded else "FAILED"
            self._attempt(lambda: self._client().set_terminated(self.run.run_id, status))

    def _attempt(
        self, action: Callable[[], None], *, settle: bool = True, allowed: float | None = None
    ) -> None:
        """Does it, or remembers why not; `allowed` are the seconds that are not counted."""
        if self.run.failure:
            return
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            importlib.import_module("mlflow")  # its seconds are no server's
            if settle:
                self._settle()
                self._call(action, allowed or self._patience.answer)
            else:
                action()
        except Exception as error:  # whatever MLflow, its server or its store may raise
            words = f"{type(error).__name__}: {error}"
            reason = shown_text(without_credentials(words, self._uri))
            _log.warning("MLflow tracking stopped, the pipeline goes on: %s", reason)
            self.run = replace(self.run, failure=reason)

    def _call(self, action: Callable[[], None], allowed: float) -> None:
        """Calls and waits; in a thread that can be left alone, if a server may never answer."""
        if _is_remote(self._uri):
            self._wait_for(Call(action), allowed)
        else:
            action()

    def _wait_for(self, call: Call, allowed: float) -> None:
        """Waits for a call, and counts what it takes beyond what it may."""
        lost = _lost.get(self._uri, 0.0)
        waited = call.wait(allowed + max(self._patience.in_all - lost, 0.0))
        _lost[self._uri] = lost + max(waited - allowed, 0.0)
        if not call.ended:
            raise TimeoutError(
                f"the server has not answered within {allowed:g} seconds, and has held up the "
                f"pipeline for {_lost[self._uri]:.0f} more in all"
            )
        call.result()

    def _settle(self) -> None:
        """Sees that the metrics have arrived."""
        if self._sending:
            call, self._sending = self._sending, None
            self._wait_for(call, self._patience.answer)
        if self._unsent:
            batch, self._unsent = self._unsent, []
            self._call(lambda: self._send(batch), self._patience.answer)

    def _client(self) -> Any:
        from mlflow import MlflowClient  # noqa: PLC0415 - seconds, and not wanted where it is off

        return MlflowClient(self._uri)

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
        from mlflow.entities import Param  # noqa: PLC0415

        client = self._client()
        experiment = client.get_experiment_by_name(self.run.experiment)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(self.run.experiment, artifact_location=artifact_dir)
        )
        tags = {_OWNER_TAG: owner} if owner else {}
        run_id = client.create_run(experiment_id, tags=tags).info.run_id
        self.run = replace(self.run, run_id=run_id)
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415

        now = int(time.time() * 1000)
        self._unsent += [Metric(name, value, now, step) for name, value in metrics.items()]
        if not _is_remote(self._uri):
            self._settle()
        elif self._sending is None or self._sending.ended:
            former, batch, self._unsent = self._sending, self._unsent, []
            self._sending = Call(lambda: self._send(batch))
            if former:
                former.result()

    def _send(self, metrics: list[Any]) -> None:
        client = self._client()
        for start in range(0, len(metrics), _MAX_BATCH):
            client.log_batch(self.run.run_id, metrics[start : start + _MAX_BATCH])

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
        mlflow.set_tracking_uri(self._uri)
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

"""What is done to one MLflow run: by a tracker at once, or by an upload later.

MLflow is imported in the functions: it takes seconds, and is not wanted where tracking is off.
"""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from components.tracking.run import TrackedRun

CHAMPION = "champion"
MODEL_NAME = "model"

# Whose training a run is: the identity of a metadata store.
_OWNER_TAG = "arcface_pipeline.owner"
# `TrackedRun.key`, by which a run is found again that the store has, but nobody was told of.
_KEY_TAG = "arcface_pipeline.key"

# What MLflow takes in one request.
_MAX_METRICS = 1000
_MAX_PARAMS = 100


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


class Point(NamedTuple):
    """One value of a metric; `time` in milliseconds since 1970."""

    name: str
    value: float
    time: int
    step: int


@dataclass(frozen=True)
class Start:
    """What a run begins with.

    Attributes:
      time: milliseconds since 1970.
      artifact_dir: where a new experiment keeps its artifacts; None: MLflow's default.
      owner: who may close the run, should it be killed; None: nobody.
      tags: name -> value.
    """

    time: int
    artifact_dir: str | None = None
    owner: str | None = None
    tags: Mapping[str, str] | None = None


class RunClient:
    """One run of one store.

    Args:
      uri: of the store, with credentials if it needs some.
      run_id: of the run.
    """

    def __init__(self, uri: str, run_id: str):
        self._uri = uri
        self._run_id = run_id
        self._client = new_client(uri)

    def params(self, params: Mapping[str, str]) -> None:
        """Logs parameters.

        Raises:
          mlflow.MlflowException: the run has one of them with another value; it is never changed.
        """
        from mlflow.entities import Param  # noqa: PLC0415

        for some in _chunks([Param(*item) for item in params.items()], _MAX_PARAMS):
            self._client.log_batch(self._run_id, params=some)

    def missing_params(self, params: Mapping[str, str]) -> dict[str, str]:
        """Those of some parameters that the run does not have, with whatever value."""
        known = self._client.get_run(self._run_id).data.params
        return {key: value for key, value in params.items() if key not in known}

    def points(self, points: Sequence[Point]) -> None:
        """Logs points of metrics."""
        from mlflow.entities import Metric  # noqa: PLC0415

        for some in _chunks([Metric(*point) for point in points], _MAX_METRICS):
            self._client.log_batch(self._run_id, metrics=some)

    def missing_points(self, points: Sequence[Point]) -> list[Point]:
        """Those of some points that the run does not have."""
        known = {
            (metric.key, repr(metric.value), metric.timestamp, metric.step)
            for name in {point.name for point in points}
            for metric in self._client.get_metric_history(self._run_id, name)
        }
        return [p for p in points if (p.name, repr(p.value), p.time, p.step) not in known]

    def text(self, text: str, name: str) -> None:
        """Logs a text as an artifact, under a file name."""
        self._client.log_text(self._run_id, text, name)

    def file(self, path: Path, folder: str) -> None:
        """Logs a file as an artifact, in a folder of the run."""
        self._client.log_artifact(self._run_id, str(path), folder)

    def status(self, status: str, time: int | None = None) -> None:
        """Ends the run, at a time in milliseconds since 1970; None: now."""
        self._client.set_terminated(self._run_id, status, end_time=time)

    def is_running(self) -> bool:
        """Whether nobody has said that the run has ended."""
        return self._client.get_run(self._run_id).info.status == "RUNNING"

    def go_on(self) -> None:
        """Marks the run as running again."""
        self._client.update_run(self._run_id, status="RUNNING")

    def model(self, model: Any, input_shape: Sequence[int], embedding_dim: int) -> None:
        """Logs a Keras model with signature and example: uint8 pixels in, embeddings out.

        Args:
          model: of Keras' own layers, so that it loads wherever Keras does.
          input_shape: height, width and channels.
          embedding_dim: length of an embedding.
        """
        import keras  # noqa: PLC0415
        import mlflow  # noqa: PLC0415
        import numpy as np  # noqa: PLC0415
        import tensorflow as tf  # noqa: PLC0415
        from mlflow.types import Schema, TensorSpec  # noqa: PLC0415

        signature = mlflow.models.ModelSignature(
            inputs=Schema([TensorSpec(np.dtype("uint8"), (-1, *input_shape), "pixels")]),
            outputs=Schema([TensorSpec(np.dtype("float32"), (-1, embedding_dim), "embedding")]),
        )
        with _as_default(self._uri), mlflow.start_run(run_id=self._run_id):
            mlflow.models.Model.log(
                artifact_path=None,  # the former word for a name
                flavor=_Keras,
                flavor_name="keras",
                model=model,
                name=MODEL_NAME,
                signature=signature,
                input_example=_grey_ramp(input_shape),
                validate_serving_input=False,  # it loads the model anew to try it: seconds
                # Named here, since MLflow would find them out by importing everything anew.
                pip_requirements=[f"tensorflow=={tf.__version__}", f"keras=={keras.__version__}"],
            )

    def logged_model(self) -> Any:
        """The run's model, as MLflow knows it; None if it has none that is whole."""
        run = self._client.get_run(self._run_id)
        models = self._client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id = '{self._run_id}'"
        )
        return next((model for model in models if model.status == "READY"), None)

    def register(self, name: str, tags: Mapping[str, str], before: int | None = None) -> bool:
        """Registers the run's model as a version that has the alias `CHAMPION`.

        A version that is there already is not made twice.

        Args:
          name: of the registered model; made where there is none.
          tags: of the version.
          before: milliseconds since 1970: a champion that is younger keeps the alias.

        Returns:
          Whether it has the alias now.

        Raises:
          LookupError: the run has no model.
        """
        model = self.logged_model()
        if model is None:
            raise LookupError(f"MLflow has no model of the run {self._run_id} to register")
        version = self._version(name, model, tags)
        champion = _champion(self._client, name)
        if before and champion and champion.creation_timestamp > before:
            return champion.version == version
        self._client.set_registered_model_alias(name, CHAMPION, version)
        return True

    def _version(self, name: str, model: Any, tags: Mapping[str, str]) -> str:
        """The model's version under a name; registered if it has none."""
        import mlflow  # noqa: PLC0415

        for version in self._client.search_model_versions(f"name = '{name}'"):
            if version.run_id == self._run_id:
                return version.version
        with _as_default(self._uri):
            return mlflow.register_model(f"models:/{model.model_id}", name, tags=dict(tags)).version


class _Keras:
    """MLflow's flavour `keras`, whose own `save_model` writes an example before its folder."""

    @staticmethod
    def save_model(path: str, validate_serving_input: bool, **options: Any) -> None:
        """Writes a model, as `mlflow.keras.save_model` does.

        Args:
          path: of the folder, which must not exist.
          validate_serving_input: read by MLflow itself, which hands on what it was given.
          options: of `mlflow.keras.save_model`.
        """
        import mlflow  # noqa: PLC0415

        del validate_serving_input
        Path(path).mkdir(parents=True)
        mlflow.keras.save_model(path=path, **options)


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    """Lists of so many items at most."""
    return (items[start : start + size] for start in range(0, len(items), size))


def load_mlflow() -> None:
    """Imports MLflow, which takes seconds, with our settings where the environment has none."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    importlib.import_module("mlflow")


def new_client(uri: str) -> Any:
    """MLflow's client of a store."""
    from mlflow import MlflowClient  # noqa: PLC0415

    return MlflowClient(uri)


def create_run(client: Any, run: TrackedRun, start: Start) -> str:
    """Begins a run, in an experiment that is made if there is none; returns its id."""
    experiment = client.get_experiment_by_name(run.experiment)
    experiment_id = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(run.experiment, artifact_location=start.artifact_dir)
    )
    owner = {_OWNER_TAG: start.owner} if start.owner else {}
    tags = {_KEY_TAG: run.key} | owner | dict(start.tags or {})
    return client.create_run(experiment_id, start_time=start.time, tags=tags).info.run_id


def find_run(client: Any, run: TrackedRun) -> str | None:
    """The id of a run by its key, if the store has begun it."""
    found = _runs_with(client, run.experiment, f"tags.`{_KEY_TAG}` = '{run.key}'")
    return found[0].info.run_id if found else None


def close_killed(client: Any, experiment: str, owner: str) -> None:
    """Marks the runs as killed that an owner began, and that are running still."""
    left = f"attributes.status = 'RUNNING' and tags.`{_OWNER_TAG}` = '{owner}'"
    for run in _runs_with(client, experiment, left):
        client.set_terminated(run.info.run_id, "KILLED")


def _runs_with(client: Any, experiment: str, condition: str) -> list[Any]:
    known = client.get_experiment_by_name(experiment)
    return client.search_runs([known.experiment_id], filter_string=condition) if known else []


def _champion(client: Any, name: str) -> Any:
    """The version that has the alias; None if none has."""
    (model,) = client.search_registered_models(f"name = '{name}'")
    version = model.aliases.get(CHAMPION)
    return client.get_model_version(name, version) if version else None


def _grey_ramp(input_shape: Sequence[int]) -> Any:
    """One image, uint8 [1, H, W, C], that shows nobody: black at the left to white at the right."""
    import numpy as np  # noqa: PLC0415

    ramp = np.linspace(0, 255, input_shape[1]).astype(np.uint8)
    return np.broadcast_to(ramp[None, None, :, None], (1, *input_shape)).copy()


@contextmanager
def _as_default(uri: str) -> Iterator[None]:
    """Makes a store the one that MLflow's functions without a client use."""
    import mlflow  # noqa: PLC0415

    # MLflow keeps the store in this variable. Restored from get_tracking_uri, an unset one would
    # become a default that later runs take for a choice.
    former = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(former)

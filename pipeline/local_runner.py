"""Runs the DAG with LocalDagRunner and gathers what came out."""

from dataclasses import replace
from pathlib import Path

from absl import logging as absl_logging
from tfx import v1 as tfx
from tfx.orchestration import metadata

from biometrics.thresholds.pack import PACK_PROPERTY
from components.run_environment import (
    TrackingStore,
    beam_variables,
    in_environment,
    store_variables,
    unfinished_variables,
)
from components.tracking.run import TrackedRun, credentials_in_environment
from components.tracking.tracker import Tracker
from groundfloor.credentials import without_credentials
from groundfloor.paths import Location
from pipeline import metadata_store
from pipeline.config import Config
from pipeline.console import NodeDisplay, TextConsole
from pipeline.dag import Places, create_pipeline
from pipeline.hidden_in_logs import hidden_in_logs
from pipeline.outputs import outputs_of_latest_run
from pipeline.recovery import noting, recover
from pipeline.results import read_results
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult
from pipeline.tracking import given_uri, store_for


def run_pipeline(
    config: Config, input_dir: Location, folder: RunFolder, console: TextConsole
) -> RunResult:
    """Runs all nodes in this process, showing them on `console`.

    Args:
      config: what to do.
      input_dir: of the images.
      folder: where the run goes; prepared and claimed.
      console: where to draw.

    Raises:
      UserError: something that the user gave cannot be used.
    """
    with credentials_in_environment(given_uri(config.tracking)):
        return _run_nodes(config, input_dir, folder, console)


def _run_nodes(
    config: Config, input_dir: Location, folder: RunFolder, console: TextConsole
) -> RunResult:
    absl_logging.set_verbosity(absl_logging.INFO)
    connection = metadata_store.connection_config(folder.metadata_db)
    pipeline = metadata_store.pipeline_of(folder.metadata_db)
    places = Places(
        input_dir=str(input_dir),
        pipeline_root=str(folder.artifacts),
        serving_dir=str(folder.serving_model),
    )
    store = _tracking_store(config, folder)
    for remark in recover(folder, lambda: _close_killed(store)):
        console.say(remark)
    dag = create_pipeline(config, places, connection, name=pipeline)
    nodes = len(dag.components)
    variables = {
        **store_variables(store),
        **beam_variables(config.beam.pipeline_args),
        **unfinished_variables(folder.unfinished),
    }
    with (
        noting(folder.metadata_db),
        NodeDisplay(console, nodes=nodes).watching(),
        in_environment(variables),
        hidden_in_logs(connection.mysql.password),  # TFX prints the whole connection
    ):
        tfx.orchestration.LocalDagRunner().run(dag)
    with metadata.Metadata(connection) as handle:
        outputs = outputs_of_latest_run(handle.store, pipeline)
    pushed_model = outputs["pushed_model"]
    pushed = pushed_model.get_string_custom_property("pushed_destination")
    folders = {key: Path(artifact.uri) for key, artifact in outputs.items()}
    sha256 = pushed_model.get_string_custom_property(PACK_PROPERTY)
    result = read_results(folders, Path(pushed) if pushed else None, sha256)
    unsent = folder.mlflow_unsent if folder.mlflow_unsent.exists() else None
    return replace(_without_lost_tracking(result, folder), tracking_unsent=unsent)


def _without_lost_tracking(result: RunResult, folder: RunFolder) -> RunResult:
    """A result that names no store which was deleted since the model was trained."""
    if result.tracking_uri != _own_store(folder) or folder.mlflow_db.exists():
        return result
    failure = f"{folder.mlflow_db} is gone, and with it what was tracked"
    return replace(result, tracking_uri="", tracking_failure=failure)


def _close_killed(store: TrackingStore | None) -> None:
    if store and store.owner:
        Tracker(TrackedRun(store.uri, store.experiment)).close_killed(store.owner)


def _tracking_store(config: Config, folder: RunFolder) -> TrackingStore | None:
    """The configured store, else the environment's, else sqlite in the run's folder."""
    if not config.tracking.enabled:
        return None
    uri = without_credentials(given_uri(config.tracking))
    return store_for(
        config,
        uri or _own_store(folder),
        artifact_dir=None if uri else folder.mlflow_artifacts.as_uri(),
        owner=metadata_store.store_id(folder.metadata_db),
        unsent_dir=str(folder.path),
    )


def _own_store(folder: RunFolder) -> str:
    return f"sqlite:///{folder.mlflow_db}"

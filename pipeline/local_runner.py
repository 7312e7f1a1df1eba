"""Runs the DAG with LocalDagRunner and gathers what came out."""

import os
from pathlib import Path

from absl import logging as absl_logging
from rich.console import Console
from tfx import v1 as tfx
from tfx.orchestration import metadata

from pipeline.config import Config, TrackingConfig
from pipeline.console import NodeDisplay
from pipeline.outputs import outputs_of_latest_run
from pipeline.pipeline import Places, TrackingStore, create_pipeline
from pipeline.results import read_results
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult


def run_pipeline(config: Config, input_dir: Path, folder: RunFolder, console: Console) -> RunResult:
    """Runs all nodes in this process, showing them on `console`.

    Raises:
      UserError: something that the user gave cannot be used.
    """
    absl_logging.set_verbosity(absl_logging.INFO)
    connection = metadata.sqlite_metadata_connection_config(str(folder.metadata_db))
    places = Places(
        input_dir=str(input_dir),
        pipeline_root=str(folder.artifacts),
        serving_dir=str(folder.serving_model),
        tracking=_tracking_store(config.tracking, folder),
    )
    dag = create_pipeline(config, places, connection)
    with NodeDisplay(console, nodes=len(dag.components)).watching():
        tfx.orchestration.LocalDagRunner().run(dag)
    with metadata.Metadata(connection) as handle:
        outputs = outputs_of_latest_run(handle.store)
    pushed = outputs["pushed_model"].get_string_custom_property("pushed_destination")
    folders = {key: Path(artifact.uri) for key, artifact in outputs.items()}
    return read_results(folders, Path(pushed) if pushed else None)


def _tracking_store(config: TrackingConfig, folder: RunFolder) -> TrackingStore | None:
    """The configured store, else the environment's, else sqlite in the run's folder."""
    if not config.enabled:
        return None
    uri = config.uri or os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return TrackingStore(uri, config.experiment)
    return TrackingStore(
        f"sqlite:///{folder.mlflow_db}", config.experiment, folder.mlflow_artifacts.as_uri()
    )

"""Runs the DAG with LocalDagRunner and gathers what came out."""

import os
from pathlib import Path
from typing import Any

from absl import logging as absl_logging
from rich.console import Console
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import v1 as tfx
from tfx.components.evaluator import constants
from tfx.orchestration import metadata
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.evaluator.executor import METRICS_FILE, REPORT_FILE
from components.example_gen import quarantine
from components.trainer.tracking import RUN_FILE, TrackedRun
from pipeline.config import Config, TrackingConfig
from pipeline.console import NodeDisplay
from pipeline.outputs import outputs_of_latest_run
from pipeline.pipeline import Places, TrackingStore, create_pipeline
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult, load_json


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
        return _gather(outputs_of_latest_run(handle.store))


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


def _gather(outputs: dict[str, Any]) -> RunResult:
    evaluation = Path(outputs["evaluation"].uri)
    blessing = outputs["blessing"]
    pushed = outputs["pushed_model"].get_string_custom_property("pushed_destination")
    run_file = Path(outputs["model"].uri) / "Format-Serving" / RUN_FILE
    tracked = TrackedRun.from_json(run_file.read_text(encoding="utf-8"))
    report = Path(outputs["quarantine"].uri) / quarantine.FILE_NAME
    message = blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY)
    return RunResult(
        metrics=load_json(evaluation / METRICS_FILE),
        blessed=blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1,
        reasons=message.splitlines(),
        report=evaluation / REPORT_FILE,
        pushed_model=Path(pushed) if pushed else None,
        model_run=Path(outputs["model_run"].uri),
        quarantined=quarantine.Quarantine.from_json(report.read_text(encoding="utf-8")).reasons,
        anomalies=_anomalies(outputs["anomalies"]),
        tracking_uri=tracked.tracking_uri,
        tracking_failure=tracked.failure,
    )


def _anomalies(artifact: Any) -> list[str]:
    """What ExampleValidator found, as `<split>: <feature>: <description>`."""
    found = []
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = os.path.join(artifact_utils.get_split_uri([artifact], split), "SchemaDiff.pb")
        anomalies = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
        found += [
            f"{split}: {feature}: {info.description}"
            for feature, info in sorted(anomalies.anomaly_info.items())
        ]
    return found

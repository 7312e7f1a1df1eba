"""Reads what a run left in the folders of its artifacts, whichever runner it was."""

from collections.abc import Mapping
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2

from biometrics.result_files import METRICS_FILE, REASONS_FILE, REPORT_FILE
from components.tracking.run import RUN_FILE, TrackedRun
from faces import quarantine, splits
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages
from faces.report.quarantine_sheet import SHEET_FILE_NAME
from pipeline.summary import RunResult, load_json


def read_results(
    folders: Mapping[str, Path], pushed_model: Path | None, pack_sha256: str = ""
) -> RunResult:
    """Gathers the result of a run.

    Args:
      folders: output key -> folder, of `evaluation`, `blessing`, `quarantine`, `anomalies`, `model`
        and `model_run`.
      pushed_model: where the model was pushed to; None if it was not.
      pack_sha256: `PACK_PROPERTY` of the pushed model, as the metadata store has it.
    """
    evaluation, blessing = folders["evaluation"], folders["blessing"]
    model = folders["model"] / "Format-Serving"
    tracked = TrackedRun.from_json(_text(model / RUN_FILE))
    prepared = PreparedImages.from_json(_text(model / PREPROCESSING_FILE))
    listing = quarantine.Quarantine.from_json(_text(folders["quarantine"] / quarantine.FILE_NAME))
    split = splits.SplitReport.from_json(_text(folders["quarantine"] / splits.REPORT_FILE_NAME))
    return RunResult(
        metrics=load_json(evaluation / METRICS_FILE),
        blessed=(blessing / "BLESSED").exists(),
        reasons=_text(blessing / REASONS_FILE).splitlines(),
        report=evaluation / REPORT_FILE,
        pushed_model=pushed_model,
        model_run=folders["model_run"],
        quarantined=listing.reasons,
        quarantine_counts=listing.counts,
        contact_sheet=folders["quarantine"] / SHEET_FILE_NAME,
        data_remarks=split.remarks + listing.remarks() + prepared.remarks(),
        anomalies=_anomalies(folders["anomalies"]),
        tracking_uri=tracked.tracking_uri,
        tracking_failure=tracked.failure,
        pack_sha256=pack_sha256,
    )


def _anomalies(folder: Path) -> list[str]:
    """What ExampleValidator found, as `<split>: <feature>: <description>`."""
    found = []
    for path in sorted(folder.glob("Split-*/SchemaDiff.pb")):
        split = path.parent.name.removeprefix("Split-")
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        found += [
            f"{split}: {feature}: {info.description}"
            for feature, info in sorted(anomalies.anomaly_info.items())
        ]
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")

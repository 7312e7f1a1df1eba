"""A run in containers, shown on a console and kept in a folder as a run of `run_local.py` is."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biometrics.thresholds.pack import PACK_PROPERTY
from pipeline.console import console_beside_log
from pipeline.failures import RunFailedError
from pipeline.kubeflow.containers import (
    Containers,
    StepFailedError,
    run_in_containers,
    volume_mounts,
)
from pipeline.kubeflow.document import PipelineDocument
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult, keep_latest, load_json, print_summary


def run_logged(
    document: PipelineDocument,
    file: Path,
    arguments: Mapping[str, Any],
    volumes: Mapping[str, Path],
    folder: RunFolder,
) -> RunResult:
    """Runs all steps with what they print in a log, and prints the summary.

    Args:
      document: the compiled pipeline.
      file: where it was read from.
      arguments: runtime parameters, typed.
      volumes: claim -> the folder that stands in for it.
      folder: where the run goes; prepared, and held.

    Raises:
      UserError: a volume has no folder, or there is no container engine, or it lacks an image.
      RunFailedError: a step failed.
    """
    mounts = volume_mounts(document, volumes)
    with console_beside_log(folder.logs) as (console, log_file):
        containers = Containers(
            artifacts=folder.artifacts,
            mounts=mounts,
            log=sys.stdout.write,
            on_end=lambda step, seconds: console.say(f"{step:<20} {seconds:6.1f} s"),
        )
        try:
            run_in_containers(document, file, arguments, containers)
        except StepFailedError as error:
            raise RunFailedError(f"{error}\nThe full log is in {log_file}") from error
        result = _read_results(folder, mounts)
        keep_latest(result, folder)
        print_summary(console, result, folder)
    return result


def _read_results(folder: RunFolder, mounts: Mapping[Path, str]) -> RunResult:
    """From the folders of the newest run, as `kfp.local` lays them out: run, step, output."""
    from pipeline.results import read_results  # noqa: PLC0415 - TFX, once the steps have run

    run = max(folder.artifacts.iterdir(), key=lambda path: path.name)
    outputs = {path.name: path for path in run.glob("*/*") if path.is_dir()}
    reported = load_json(outputs["pushed_model"].with_name("executor_output.json"))
    pushed = reported["artifacts"]["pushed_model"]["artifacts"][0]["metadata"]
    return read_results(
        outputs,
        _on_this_machine(pushed.get("pushed_destination"), mounts),
        pushed.get(PACK_PROPERTY, ""),
    )


def _on_this_machine(path: str | None, mounts: Mapping[Path, str]) -> Path | None:
    """Where a path of the containers lies here."""
    for here, there in mounts.items():
        if path and Path(path).is_relative_to(there):
            return here / Path(path).relative_to(there)
    return None

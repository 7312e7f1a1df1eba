"""Runs a compiled pipeline on this machine, each step in its own container.

    python pipeline/run_containers.py data-dir=/mnt/faces --volume faces=build/orl \
        --volume models=runs/containers/models

Exit codes: 0, the model is trained, evaluated, blessed and pushed; 2, something you gave cannot be
used; 3, all ran, but the model was not blessed; 1, anything else, be it a step that failed.
"""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import typer

from biometrics.thresholds.pack import PACK_PROPERTY
from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text
from pipeline.account import ensure_account
from pipeline.console import TextConsole, output_to_log
from pipeline.kubeflow.document import PipelineDocument, read_document
from pipeline.kubeflow.submission import typed_parameters
from pipeline.paths import check_writable_name, given_path
from pipeline.quiet import quiet_libraries
from pipeline.run_folder import RunFolder
from pipeline.run_local import (
    EXIT_FAILURE,
    EXIT_NOT_BLESSED,
    EXIT_USER_ERROR,
    PLAIN_WIDTH,
    RunFailedError,
)
from pipeline.summary import RunResult, keep_latest, load_json, print_summary

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE", help="What the run sets, such as epochs=20."),
    ] = None,
    file: Annotated[Path, typer.Option(help="The compiled pipeline.")] = Path(
        "build/face_pipeline.yaml"
    ),
    volumes: Annotated[
        list[str] | None,
        typer.Option("--volume", help="CLAIM=FOLDER: the folder that stands in for a volume."),
    ] = None,
    output_dir: Annotated[
        str, typer.Option(metavar="PATH", help="Where the run goes.")
    ] = "runs/containers",
) -> None:
    """Run a compiled pipeline in containers."""
    console = TextConsole(stderr=True)
    try:
        document = read_document(file)
        arguments = typed_parameters(document.parameters, parameters or [])
        folder = RunFolder(given_path(output_dir, "--output-dir"))
        check_writable_name(folder.path)
        folder.prepare()
        with folder.locked():
            blessed = _run_logged(document, file, arguments, _folders(volumes or []), folder)
    except (UserError, RunFailedError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_USER_ERROR if isinstance(error, UserError) else EXIT_FAILURE)
    sys.exit(0 if blessed else EXIT_NOT_BLESSED)


def _folders(volumes: list[str]) -> dict[str, Path]:
    """claim -> folder, from `CLAIM=FOLDER`."""
    folders = {}
    for volume in volumes:
        claim, equals, folder = volume.partition("=")
        path = given_path(folder, f"--volume {shown_text(claim)}") if equals else None
        if path is None or not path.is_dir():
            raise UserError(
                f"--volume takes CLAIM=FOLDER, a folder that is there. Received: {shown(volume)}"
            )
        folders[claim] = path
    return folders


def _run_logged(
    document: PipelineDocument,
    file: Path,
    arguments: dict[str, Any],
    volumes: dict[str, Path],
    folder: RunFolder,
) -> bool:
    """Runs with what the steps print in a log file; returns whether the model was blessed."""
    # Seconds: not for --help, nor for a misspelt parameter.
    from pipeline.kubeflow import containers  # noqa: PLC0415

    mounts = containers.volume_mounts(document, volumes)
    log_file = folder.logs / f"run-{time.strftime('%Y%m%d-%H%M%S')}.log"
    with output_to_log(log_file) as terminal:
        console = TextConsole(file=terminal, width=None if terminal.isatty() else PLAIN_WIDTH)
        console.print(f"log: {log_file}", markup=False, highlight=False, soft_wrap=True)
        try:
            containers.run_in_containers(
                document,
                file,
                arguments,
                containers.Containers(
                    artifacts=folder.artifacts,
                    mounts=mounts,
                    log=sys.stdout.write,
                    on_end=lambda step, seconds: console.print(
                        f"{step:<20} {seconds:6.1f} s", markup=False, highlight=False
                    ),
                ),
            )
        except containers.StepFailedError as error:
            raise RunFailedError(f"{error}\nThe full log is in {log_file}") from error
        result = _read_results(folder, mounts)
        keep_latest(result, folder)
        print_summary(console, result, folder)
    return result.blessed


def _read_results(folder: RunFolder, mounts: dict[Path, str]) -> RunResult:
    """From the folders of the newest run, as `kfp.local` lays them out: run, step, output."""
    from pipeline.results import read_results  # noqa: PLC0415

    run = max(folder.artifacts.iterdir(), key=lambda path: path.name)
    outputs = {path.name: path for path in run.glob("*/*") if path.is_dir()}
    reported = load_json(outputs["pushed_model"].with_name("executor_output.json"))
    pushed = reported["artifacts"]["pushed_model"]["artifacts"][0]["metadata"]
    return read_results(
        outputs,
        _on_this_machine(pushed.get("pushed_destination"), mounts),
        pushed.get(PACK_PROPERTY, ""),
    )


def _on_this_machine(path: str | None, mounts: dict[Path, str]) -> Path | None:
    """Where a path of the containers lies here."""
    for here, there in mounts.items():
        if path and Path(path).is_relative_to(there):
            return here / Path(path).relative_to(there)
    return None


if __name__ == "__main__":
    ensure_account()
    quiet_libraries()
    app()

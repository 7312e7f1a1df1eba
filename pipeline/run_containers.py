"""Runs a compiled pipeline on this machine, each step in its own container.

    python pipeline/run_containers.py data-dir=/mnt/faces --volume faces=build/orl \
        --volume models=runs/containers/models

Exit codes: 0, the model is trained, evaluated, blessed and pushed; 2, something you gave cannot be
used; 3, all ran, but the model was not blessed; 1, anything else, be it a step that failed.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text
from pipeline.command import EXIT_NOT_BLESSED, failing_with_one_message, new_app, start
from pipeline.failures import RunFailedError
from pipeline.kubeflow.document import PipelineDocument, read_document
from pipeline.kubeflow.submission import typed_parameters
from pipeline.paths import check_writable_name, given_path
from pipeline.run_folder import RunFolder

app = new_app()


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
    with failing_with_one_message(RunFailedError):
        document = read_document(file)
        arguments = typed_parameters(document.parameters, parameters or [])
        folder = RunFolder(given_path(output_dir, "--output-dir"))
        check_writable_name(folder.path)
        folder.prepare()
        with folder.locked():
            blessed = _run(document, file, arguments, _folders(volumes or []), folder)
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


def _run(
    document: PipelineDocument,
    file: Path,
    arguments: dict[str, Any],
    volumes: dict[str, Path],
    folder: RunFolder,
) -> bool:
    """Returns whether the model was blessed."""
    # Seconds: not for --help, nor for a misspelt parameter.
    from pipeline.kubeflow.container_run import run_logged  # noqa: PLC0415

    return run_logged(document, file, arguments, volumes, folder).blessed


if __name__ == "__main__":
    start(app)

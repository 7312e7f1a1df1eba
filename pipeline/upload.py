"""Brings to MLflow what it had not taken while a pipeline ran.

    python pipeline/upload.py runs/mine

Credentials are MLflow's own: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or the whole
address in MLFLOW_TRACKING_URI. What has arrived is removed from the folder, and what MLflow has
already is not sent again, so the command may be stopped, and given twice.

Exit codes: 0, all has arrived, or nothing was missing; 2, the folder cannot be read, a run uses it,
or MLflow does not take what it holds; 1, anything else.
"""

from pathlib import Path
from typing import Annotated

import typer

from components.tracking.outbox import OUTBOX, Kept, outboxes_below
from components.tracking.upload import upload
from groundfloor.errors import UserError
from pipeline.command import failing_with_one_message, new_app, start
from pipeline.console import TextConsole
from pipeline.run_folder import unused

app = new_app()


@app.command()
def main(
    folder: Annotated[
        Path, typer.Argument(help="The output folder of a run, or an artifact of a step.")
    ],
) -> None:
    """Bring to MLflow what it had not taken while a pipeline ran."""
    with failing_with_one_message():
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}")
        with unused(folder):
            _upload_all(outboxes_below(folder), folder)


def _upload_all(missing: list[Kept], folder: Path) -> None:
    console = TextConsole()
    if not missing:
        console.say(f"MLflow lacks nothing of {folder}: it has no {OUTBOX} that holds anything")
    for kept in missing:
        first, *others = upload(kept)
        console.say(first)
        for remark in others:
            console.say(f"  {remark}")


if __name__ == "__main__":
    start(app)

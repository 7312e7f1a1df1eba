"""Lists the images of a run whose labels are doubtful, and people who look like one.

python pipeline/audit.py runs/mine
"""

from typing import Annotated

import typer

from pipeline.command import failing_with_one_message, new_app, start
from pipeline.console import TextConsole
from pipeline.paths import given_path
from pipeline.run_folder import RunFolder

app = new_app()


@app.command()
def main(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="The output folder of a run.", show_default=False),
    ],
) -> None:
    """List images that look like somebody else, and people who look like one."""
    with failing_with_one_message():
        folder = RunFolder(given_path(run, "RUN"))
        # NumPy, and in the end TensorFlow: not for --help.
        from pipeline.label_audit import audit_run  # noqa: PLC0415

        audit_run(folder, TextConsole())


if __name__ == "__main__":
    start(app)

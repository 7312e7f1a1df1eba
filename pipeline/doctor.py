"""Tells what this machine gives a run, and what it lacks: `arcface doctor`.

Exit codes: 0, a run can start; 2, something that every run needs is missing.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.command import EXIT_USER_ERROR, failing_with_one_message
from pipeline.console import TextConsole
from pipeline.paths import given_path

if TYPE_CHECKING:
    from pipeline.checkup.diagnosis import Diagnosis

_STYLES = {"ok": "green", "note": "yellow", "lacks": "red"}


def main(
    output_dir: Annotated[str, typer.Option(metavar="PATH", help="Where runs are to go.")] = "runs",
) -> None:
    """Tell what this machine gives a run, and what it lacks."""
    # Loads NumPy and looks at the libraries below it: not for --help.
    from pipeline.checkup import examine  # noqa: PLC0415

    console = TextConsole()
    missing = []
    with failing_with_one_message():
        folder = given_path(output_dir, "--output-dir")
    for diagnosis in examine(folder):
        _print(console, diagnosis)
        if diagnosis.state == "lacks":
            missing.append(diagnosis.topic)
    console.say(_conclusion(missing))
    sys.exit(EXIT_USER_ERROR if missing else 0)


def _print(console: TextConsole, diagnosis: "Diagnosis") -> None:
    line = f"{diagnosis.state:<6} {diagnosis.topic:<11} {diagnosis.text}"
    console.say(line, _STYLES[diagnosis.state])
    if diagnosis.remedy:
        console.say(f"{'':<18} remedy: {diagnosis.remedy}")


def _conclusion(missing: list[str]) -> str:
    if missing:
        return f"no run can start here: see {', '.join(missing)}"
    return "a run can start here"

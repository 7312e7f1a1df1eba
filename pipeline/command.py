"""What all commands share: their exit codes, the set-up of their process, and how they fail."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from groundfloor.errors import UserError
from pipeline.account import ensure_account
from pipeline.console import TextConsole
from pipeline.quiet import quiet_libraries

EXIT_FAILURE = 1
EXIT_USER_ERROR = 2
EXIT_NOT_BLESSED = 3

# What the commands take that use a pushed model.
MODEL_DIR = Path("runs/demo/serving_model")
ModelDir = Annotated[
    Path,
    typer.Option(help="The serving folder of a run; its latest complete version is used."),
]
TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model",
        help="Load a model that no thresholds vouch for; it can do all that you can.",
    ),
]
Landmarks = Annotated[
    list[str] | None,
    typer.Option(
        metavar="X1,Y1..X5,Y5",
        help="Five points of the face in pixels, for each image in turn: both eyes, the nose, "
        "both corners of the mouth, the left of the picture first.",
    ),
]
# ... and those that measure without a run.
EvaluationFile = Annotated[
    Path | None,
    typer.Option(help="A configuration, whose section evaluation says how to measure."),
]
EvaluationOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key: --set evaluation.distance=euclidean"
    ),
]


def new_app() -> typer.Typer:
    """The application of a command; tracebacks are Python's own."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def start(app: typer.Typer, *, quiet: bool = True) -> None:
    """Becomes the command, in a process of its own.

    Args:
      app: the command.
      quiet: hide what libraries say; False for a command that keeps it all in a log.
    """
    ensure_account()
    if quiet:
        quiet_libraries()
    app()


@contextmanager
def failing_with_one_message(*failures: type[Exception]) -> Iterator[None]:
    """Ends the process with one message and the exit code of the error.

    Args:
      failures: errors that the user is told of and cannot mend: `EXIT_FAILURE`. A `UserError` is
        `EXIT_USER_ERROR`, and any other error is not caught.
    """
    try:
        yield
    except UserError as error:
        print_error(error)
        sys.exit(EXIT_USER_ERROR)
    except failures as error:
        print_error(error)
        sys.exit(EXIT_FAILURE)


def print_error(error: BaseException) -> None:
    """Says on standard error what is wrong."""
    TextConsole(stderr=True).say(f"error: {error}", "red")

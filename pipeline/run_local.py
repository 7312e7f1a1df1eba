"""Runs the pipeline on this machine, with TFX's LocalDagRunner.

    python pipeline/run_local.py --data-dir my/faces --output-dir runs/mine --set training.epochs=20

Exit codes: 0, the model is trained, evaluated, blessed and pushed; 2, something that you can mend:
what you gave cannot be used, the disk is full, another run holds the folder; 3, all ran, but the
model was not blessed; 130, 143 and 129, stopped by Ctrl-C, SIGTERM and SIGHUP; 1, anything else.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Annotated

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import typer
from rich.console import Console

from components.example_gen.config import DataConfig
from faces.record import Record
from faces.sources import FOLDER, find_source, listed_once
from faces.splits import assign_splits, describe_splits
from groundfloor.errors import UserError
from pipeline.account import ensure_account
from pipeline.config import CONFIGS, Config, load_config
from pipeline.console import TextConsole, output_to_log
from pipeline.failures import user_error
from pipeline.paths import check_apart, check_writable_name, optional_path
from pipeline.run_folder import RunFolder
from pipeline.stopping import Stopped, end_now, stopping_on_signals
from pipeline.summary import RunResult, keep_latest, print_summary

EXIT_FAILURE = 1
EXIT_USER_ERROR = 2
EXIT_NOT_BLESSED = 3

# Columns of a table that goes to a file.
PLAIN_WIDTH = 120

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class RunFailedError(Exception):
    """A run failed for another reason than what the user gave; the message names the log."""


@app.command()
def main(
    config: Annotated[
        Path,
        typer.Option(
            help="YAML file; any key of it can be overridden with --set.",
            show_default="configs/demo.yaml of this project",
        ),
    ] = CONFIGS / "demo.yaml",
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="<identity>/**/<image>, instead of the config's."),
    ] = None,
    output_dir: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where the run goes; default: runs/<name of config>."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, such as training.epochs=3.")
    ] = None,
) -> None:
    """Train, evaluate, bless and push a face-recognition model."""
    ensure_account()
    console = TextConsole(stderr=True)
    try:
        with stopping_on_signals(), listed_once():
            settings = load_config(config, overrides)
            images = optional_path(data_dir, "--data-dir")
            input_dir = _checked_input_dir(settings, images, console)
            given = optional_path(output_dir, "--output-dir")
            folder = RunFolder(given or Path("runs") / config.stem, settings.data.processed_dir)
            _check_places(settings, input_dir, folder)
            exit_code = _run_in(folder, settings, input_dir)
    except (UserError, RunFailedError) as error:
        _print_error(console, error)
        exit_code = EXIT_USER_ERROR if isinstance(error, UserError) else EXIT_FAILURE
    except Stopped as stop:
        _print_error(console, stop)
        end_now(stop.exit_code)
    sys.exit(exit_code)


def _print_error(console: Console, error: BaseException) -> None:
    console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)


def _run_in(folder: RunFolder, settings: Config, input_dir: Path) -> int:
    """Runs in a folder that no other run uses; returns the exit code."""
    try:
        folder.prepare()
        with folder.locked():
            folder.claim()
            return _run_logged(settings, input_dir, folder)
    except (OSError, UserError) as error:
        known = user_error(error, folder.places)
        raise known or UserError(f"cannot use {folder.path}: {error}") from error


def _checked_input_dir(config: Config, data_dir: Path | None, console: Console) -> Path:
    """Judges images, files and protocols before TensorFlow takes its time to load."""
    # Seconds, with SciPy: not for --help, nor for a misspelt key.
    from pipeline.preflight import judge_evaluation  # noqa: PLC0415

    input_dir = data_dir or config.data.input_dir
    if input_dir is None:
        raise UserError("no images: give --data-dir, or data.input_dir in the configuration")
    splits, remarks = _splits_of_listing(config.data, input_dir)
    for remark in (*remarks, *judge_evaluation(config.evaluation, splits, config.data.seed)):
        console.print(f"note: {remark}", style="yellow", markup=False, soft_wrap=True)
    return input_dir.resolve()


def _splits_of_listing(data: DataConfig, input_dir: Path) -> tuple[dict[Record, str], list[str]]:
    """The splits if every file could be used, and what is to be said of them."""
    listing = find_source(FOLDER, input_dir, follow_links=data.follow_links).list()
    shares = {
        "mode": data.split_mode,
        "test_split": data.test_split,
        "val_split": data.val_split,
    }
    splits = assign_splits(listing.records, **shares, seed=data.seed)
    return splits, [*listing.remarks(), *describe_splits(splits, **shares).remarks]


def _check_places(config: Config, input_dir: Path, folder: RunFolder) -> None:
    """Sees that the steps will find each other's files, and take none of them for an image."""
    training = config.training
    elsewhere = [path.resolve() for path in (training.checkpoint_dir, training.log_dir) if path]
    for path in (folder.path, folder.artifacts, *elsewhere):
        check_writable_name(path)
    below = [folder.mlflow_artifacts, folder.serving_model, folder.logs, folder.latest]
    check_apart(input_dir, folder.path, [folder.artifacts, *elsewhere, *below])


def _run_logged(config: Config, input_dir: Path, folder: RunFolder) -> int:
    """Runs with everything but our own lines in a log file; returns the exit code."""
    log_file = folder.logs / f"run-{time.strftime('%Y%m%d-%H%M%S')}.log"
    with output_to_log(log_file) as terminal:
        console = TextConsole(file=terminal, width=None if terminal.isatty() else PLAIN_WIDTH)
        console.print(f"log: {log_file}", markup=False, highlight=False, soft_wrap=True)
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        try:
            result = _run(config, input_dir, folder, console)
            keep_latest(result, folder)
        except Exception as error:
            logging.exception("the run failed")
            hint = f"The full log is in {log_file}"
            known = user_error(error, folder.places)
            if known:
                raise UserError(f"{known}\n{hint}") from error
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise RunFailedError(f"the run failed: {reason}\n{hint}") from error
        print_summary(console, result, folder)
    return 0 if result.blessed else EXIT_NOT_BLESSED


def _run(config: Config, input_dir: Path, folder: RunFolder, console: Console) -> RunResult:
    console.print("loading TFX ...")
    # Seconds and a gigabyte: not for --help, nor for a misspelt key.
    from pipeline.local_runner import run_pipeline  # noqa: PLC0415

    return run_pipeline(config, input_dir, folder, console)


if __name__ == "__main__":
    app()

"""Runs the pipeline on this machine, with TFX's LocalDagRunner.

    python pipeline/run_local.py --data-dir my/faces --output-dir runs/mine

trains by a recipe that follows the images (configs/auto.yaml), unless --config or --set says else.

Exit codes: 0, the model is trained, evaluated, blessed and pushed; 2, something that you can mend:
what you gave cannot be used, the disk is full, another run holds the folder; 3, all ran, but the
model was not blessed; 130, 143 and 129, stopped by Ctrl-C, SIGTERM and SIGHUP; 1, anything else.
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.example_gen.config import DataConfig
from components.example_gen.source import source_for
from faces.record import Record
from faces.sources import listed_once
from faces.sources.spans import has_span, newest_span
from faces.splits import assign_splits, describe_splits
from groundfloor.errors import UserError
from groundfloor.paths import Location, resolved
from pipeline.command import (
    EXIT_NOT_BLESSED,
    failing_with_one_message,
    new_app,
    print_error,
    start,
)
from pipeline.config import CONFIGS, Config, load_config
from pipeline.console import TextConsole, console_beside_log
from pipeline.failures import RunFailedError, user_error
from pipeline.paths import (
    check_apart,
    check_writable_name,
    optional_location,
    optional_path,
)
from pipeline.run_folder import RunFolder
from pipeline.stopping import Stopped, end_now, stopping_on_signals
from serving.exports import require_packages

if TYPE_CHECKING:
    from pipeline.summary import RunResult

app = new_app()


@app.command()
def main(
    config: Annotated[
        Path,
        typer.Option(
            help="YAML file; any key of it can be overridden with --set.",
            show_default="configs/auto.yaml of this project",
        ),
    ] = CONFIGS / "auto.yaml",
    data_dir: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            help="Folder of <identity>/**/<image>, a manifest (.csv, .tsv, .parquet) with the "
            "columns path, identity and maybe split, a .rec, or TFRecords; {SPAN} in it stands for "
            "the newest. Or one in a bucket (s3://...). Instead of the config's.",
        ),
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
    try:
        with failing_with_one_message(RunFailedError), stopping_on_signals(), listed_once():
            settings = load_config(config, overrides)
            input_dir = _checked_input_dir(settings, optional_location(data_dir, "--data-dir"))
            given = optional_path(output_dir, "--output-dir")
            output = given or Path("runs") / config.stem
            folder = RunFolder(output, settings.data.processed_dir, settings.metadata)
            _check_places(settings, input_dir, folder)
            exit_code = _run_in(folder, settings, input_dir)
    except Stopped as stop:
        print_error(stop)
        end_now(stop.exit_code)
    sys.exit(exit_code)


def _run_in(folder: RunFolder, settings: Config, input_dir: Location) -> int:
    """Runs in a folder that no other run uses; returns the exit code."""
    try:
        folder.prepare()
        with folder.locked():
            folder.claim()
            return _run_logged(settings, input_dir, folder)
    except (OSError, UserError) as error:
        known = user_error(error, folder.places)
        raise known or UserError(f"cannot use {folder.path}: {error}") from error


def _checked_input_dir(config: Config, data_dir: Location | None) -> Location:
    """Judges images, files and protocols before TensorFlow takes its time to load."""
    # Seconds, with SciPy: not for --help, nor for a misspelt key.
    from pipeline.preflight import judge_evaluation, judge_schema  # noqa: PLC0415

    input_dir = data_dir or config.data.input_dir
    if input_dir is None:
        raise UserError("no images: give --data-dir, or data.input_dir in the configuration")
    require_packages(config.model.export)
    judge_schema(config.data.curated_schema)
    splits, remarks = _splits_of_listing(config.data, input_dir)
    console = TextConsole(stderr=True)
    for remark in (*remarks, *judge_evaluation(config.evaluation, splits, config.data.seed)):
        console.say(f"note: {remark}", "yellow")
    return resolved(input_dir)


def _splits_of_listing(
    data: DataConfig, input_dir: Location
) -> tuple[dict[Record, str], list[str]]:
    """The splits if every file could be used, and what is to be said of them."""
    listing = source_for(data, input_dir).list()
    rules = data.split_rules()
    splits = assign_splits(listing.records, **rules, seed=data.seed)
    remarks = [*_remarks_on_spans(data, input_dir), *listing.remarks()]
    return splits, [*remarks, *describe_splits(splits, **rules).remarks]


def _remarks_on_spans(data: DataConfig, input_dir: Location) -> list[str]:
    places = [place for place in (input_dir, data.test_dir) if place and has_span(place)]
    return [f"the newest of {str(place)!r} is {newest_span(place)}" for place in places]


def _check_places(config: Config, input_dir: Location, folder: RunFolder) -> None:
    """Sees that the steps will find each other's files, and take none of them for an image."""
    training = config.training
    given = (training.checkpoint_dir, training.log_dir)
    elsewhere = [path.resolve() for path in given if isinstance(path, Path)]
    for path in (folder.path, folder.artifacts, *elsewhere):
        check_writable_name(path)
    of_sets = config.evaluation.image_places()
    images = [place for place in (input_dir, config.data.test_dir, *of_sets) if place]
    below = [folder.mlflow_artifacts, folder.serving_model, folder.logs]
    below += [folder.latest, folder.unfinished]
    for place in images:
        found = resolved(newest_span(place).location)
        check_apart(found, folder.path, [folder.artifacts, *elsewhere, *below])


def _run_logged(config: Config, input_dir: Location, folder: RunFolder) -> int:
    """Runs with everything but our own lines in a log file; returns the exit code."""
    from pipeline.summary import keep_latest, print_summary  # noqa: PLC0415 - SciPy, as above

    with console_beside_log(folder.logs) as (console, log_file):
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


def _run(
    config: Config, input_dir: Location, folder: RunFolder, console: TextConsole
) -> "RunResult":
    console.say("loading TFX ...")
    # Seconds and a gigabyte: not for --help, nor for a misspelt key.
    from pipeline.local_runner import run_pipeline  # noqa: PLC0415

    return run_pipeline(config, input_dir, folder, console)


if __name__ == "__main__":
    start(app, quiet=False)  # the log of the run keeps what libraries say

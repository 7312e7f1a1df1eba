"""Trains a model without a pipeline: alone, or as one of the workers that TF_CONFIG names.

    python pipeline/train.py --data-dir my/faces --output-dir runs/trained

What `FaceModelTrainer` does from Python. Nothing says whether the model is good enough: that is the
pipeline's.

Exit codes: 0, the model is saved; 2, something you gave cannot be used, or another worker is gone;
1, anything else.
"""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import failing_with_one_message, new_app, start
from pipeline.config import CONFIGS
from pipeline.console import TextConsole
from pipeline.paths import given_path, optional_location
from pipeline.quiet import quiet_import

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
        typer.Option(metavar="PATH|URL", help="The images, instead of the config's."),
    ] = None,
    output_dir: Annotated[
        str, typer.Option(metavar="PATH", help="Where the model, its weights and the logs go.")
    ] = "runs/trained",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, such as training.epochs=3.")
    ] = None,
) -> None:
    """Train a model without measuring it, alone or with the workers that TF_CONFIG names."""
    with failing_with_one_message():
        folder = given_path(output_dir, "--output-dir")
        images = optional_location(data_dir, "--data-dir")
        of_images = [] if images is None else [f"data.input_dir={json.dumps(str(images))}"]
        _train(config, folder, [*(overrides or []), *of_images])


def _train(config: Path, folder: Path, overrides: list[str]) -> None:
    """Trains, with what this project says of it on standard error."""
    # Seconds and a gigabyte: not for --help.
    with quiet_import():
        from components.trainer.devices import is_chief  # noqa: PLC0415
        from pipeline.face_model_trainer import SAVED_MODEL, FaceModelTrainer  # noqa: PLC0415

    trainer = FaceModelTrainer(config, output_dir=folder, overrides=overrides)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for ours in ("components", "pipeline"):
        logging.getLogger(ours).setLevel(logging.INFO)
    result = trainer.train()
    if is_chief():
        epochs = len(result.history["loss"])
        told = f"wrote {folder / SAVED_MODEL}, of epoch {result.best_epoch} of {epochs}"
        TextConsole(stderr=True).say(told)


if __name__ == "__main__":
    start(app)

"""Compiles the pipeline for Kubeflow Pipelines.

    python pipeline/compile_kubeflow.py --config configs/kubeflow.yaml --image registry/faces:1.0

Exit codes: 0, the file is written; 2, something you gave cannot be used, or would not run.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundfloor.errors import UserError
from pipeline.command import failing_with_one_message, new_app, start
from pipeline.config import CONFIGS, Config, load_config
from pipeline.console import TextConsole
from pipeline.kubeflow import flink_deployment, inference_service, train_job
from pipeline.kubeflow.preflight import check_settings, image_of_steps
from pipeline.quiet import quiet_import

if TYPE_CHECKING:
    from pipeline.kubeflow.document import PipelineDocument

app = new_app()


@app.command()
def main(
    config: Annotated[
        Path,
        typer.Option(
            help="YAML file; any key of it can be overridden with --set.",
            show_default="configs/kubeflow.yaml of this project",
        ),
    ] = CONFIGS / "kubeflow.yaml",
    image: Annotated[
        str | None, typer.Option(help="Image of all steps, instead of the config's.")
    ] = None,
    training_image: Annotated[
        str | None, typer.Option(help="Image of the Trainer, instead of the config's.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path(
        "build/face_pipeline.yaml"
    ),
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, such as kubeflow.retries=0.")
    ] = None,
) -> None:
    """Write the pipeline as a file that Kubeflow Pipelines takes, and manifests beside it."""
    console = TextConsole(stderr=True)
    with failing_with_one_message():
        settings = load_config(config, overrides)
        check_settings(settings, image)
        if output.suffix not in (".yaml", ".yml"):
            raise UserError(f"--output must end in .yaml: KFP takes no other. Received: {output}")
        _write(_compiled(settings, image, training_image, console).to_yaml(), output)
        console.say(f"wrote {output}")
        for name, manifest, purpose in _manifests(settings, image, training_image):
            if manifest:
                _write(manifest, output.with_name(name))
                console.say(f"wrote {output.with_name(name)}, with which {purpose}")


def _manifests(
    config: Config, image: str | None, training_image: str | None
) -> list[tuple[str, str | None, str]]:
    """What goes beside the pipeline: the name of each file, its content if any, and its use."""
    of_steps = image_of_steps(config, image)
    of_training = training_image or config.kubeflow.training_image or of_steps
    return [
        (
            inference_service.FILE_NAME,
            inference_service.inference_service(config.kubeflow, of_steps),
            "KServe serves the models",
        ),
        (
            train_job.FILE_NAME,
            train_job.train_job(config, of_training),
            "Kubeflow Trainer trains by several workers",
        ),
        (
            flink_deployment.FILE_NAME,
            flink_deployment.flink_deployment(config.kubeflow, of_steps),
            "Flink's operator starts the cluster that the steps on Beam run on",
        ),
    ]


def _compiled(
    config: Config, image: str | None, training_image: str | None, console: TextConsole
) -> "PipelineDocument":
    """The pipeline, of which the lint has at most warnings; they are printed."""
    console.say("loading TFX ...")
    # Seconds and a gigabyte: not for --help, nor for a misspelt key.
    with quiet_import():
        from pipeline.kubeflow.compiler import compile_pipeline  # noqa: PLC0415
        from pipeline.kubeflow.lint import lint  # noqa: PLC0415

    document = compile_pipeline(config, image, training_image)
    findings = lint(document)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise UserError("the pipeline would not run:\n" + "\n".join(map(str, errors)))
    for finding in findings:
        console.say(str(finding))
    return document


def _write(text: str, output: Path) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}") from None


if __name__ == "__main__":
    start(app)

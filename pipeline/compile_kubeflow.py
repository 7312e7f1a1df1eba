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
from pipeline.kubeflow import inference_service, train_job
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
        of_steps = image_of_steps(settings, image)
        service = inference_service.inference_service(settings.kubeflow, of_steps)
        if service:
            _write(service, output.with_name(inference_service.FILE_NAME))
            console.say(
                f"wrote {output.with_name(inference_service.FILE_NAME)}, with which KServe serves "
                "the models"
            )
        of_training = training_image or settings.kubeflow.training_image or of_steps
        job = train_job.train_job(settings, of_training)
        if job:
            _write(job, output.with_name(train_job.FILE_NAME))
            console.say(
                f"wrote {output.with_name(train_job.FILE_NAME)}, with which Kubeflow Trainer "
                "trains by several workers"
            )


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

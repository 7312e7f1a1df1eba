"""Compiles the pipeline for Kubeflow Pipelines.

    python pipeline/compile_kubeflow.py --config configs/kubeflow.yaml --image registry/faces:1.0

Exit codes: 0, the file is written; 2, something you gave cannot be used, or would not run.
"""

import sys
from pathlib import Path
from typing import Annotated

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import typer
from rich.console import Console

from groundfloor.errors import UserError
from pipeline.account import ensure_account
from pipeline.config import CONFIGS, Config, load_config
from pipeline.console import TextConsole
from pipeline.quiet import quiet_import, quiet_libraries

EXIT_USER_ERROR = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


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
    """Write the pipeline as a file that Kubeflow Pipelines takes."""
    console = TextConsole(stderr=True)
    try:
        _compile(load_config(config, overrides), image, training_image, output, console)
    except UserError as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_USER_ERROR)


def _compile(
    config: Config, image: str | None, training_image: str | None, output: Path, console: Console
) -> None:
    if output.suffix not in (".yaml", ".yml"):
        raise UserError(f"--output must end in .yaml: KFP takes no other. Received: {output}")
    console.print("loading TFX ...")
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
        console.print(str(finding), markup=False, highlight=False, soft_wrap=True)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(document.to_yaml(), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}") from None
    console.print(f"wrote {output}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    ensure_account()
    quiet_libraries()
    app()

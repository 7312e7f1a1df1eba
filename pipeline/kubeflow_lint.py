"""Checks a compiled pipeline before a cluster sees it.

    python pipeline/kubeflow_lint.py build/face_pipeline.yaml

What can be imported here may be missing in the image; to be sure, run it there:

    docker run --rm -v $PWD/build:/build IMAGE \
        python -m pipeline.kubeflow_lint /build/face_pipeline.yaml

Exit codes: 0, no errors, though there may be warnings; 1, errors; 2, the file cannot be read.
"""

import sys
from pathlib import Path
from typing import Annotated

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import typer

from groundfloor.errors import UserError
from pipeline.console import TextConsole
from pipeline.kubeflow.document import read_document
from pipeline.kubeflow.lint import lint
from pipeline.kubeflow.rules.code import import_by_path
from pipeline.quiet import quiet_libraries

EXIT_ERRORS = 1
EXIT_USER_ERROR = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    file: Annotated[Path, typer.Argument(help="The compiled pipeline, a YAML file.")],
    imports: Annotated[
        bool, typer.Option(help="Import what the pipeline names; takes the seconds that TFX takes.")
    ] = True,
) -> None:
    """Find what a cluster would refuse, or run in another way than meant."""
    console = TextConsole(stderr=True)
    try:
        findings = lint(read_document(file), import_by_path if imports else None)
    except UserError as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_USER_ERROR)
    for finding in findings:
        print(finding)
    errors = sum(finding.severity == "error" for finding in findings)
    print(f"{file}: {errors} errors, {len(findings) - errors} warnings")
    sys.exit(EXIT_ERRORS if errors else 0)


if __name__ == "__main__":
    quiet_libraries()
    app()

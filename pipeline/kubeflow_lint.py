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

import typer

from pipeline.command import EXIT_FAILURE, failing_with_one_message, new_app, start
from pipeline.kubeflow.document import read_document
from pipeline.kubeflow.lint import lint
from pipeline.kubeflow.rules.code import import_by_path

app = new_app()


@app.command()
def main(
    file: Annotated[Path, typer.Argument(help="The compiled pipeline, a YAML file.")],
    imports: Annotated[
        bool, typer.Option(help="Import what the pipeline names; takes the seconds that TFX takes.")
    ] = True,
) -> None:
    """Find what a cluster would refuse, or run in another way than meant."""
    with failing_with_one_message():
        findings = lint(read_document(file), import_by_path if imports else None)
    for finding in findings:
        print(finding)
    errors = sum(finding.severity == "error" for finding in findings)
    print(f"{file}: {errors} errors, {len(findings) - errors} warnings")
    sys.exit(EXIT_FAILURE if errors else 0)


if __name__ == "__main__":
    start(app)

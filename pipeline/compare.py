"""Puts the embeddings of two models side by side, on the images that both have embedded.

    python pipeline/compare.py mine.npz theirs.npz
    python pipeline/compare.py results/mine results/theirs --output compared.json

Images are matched by their keys. Exit codes: 0, they are compared, whichever is better; 2,
something that was given is wrong; 1, anything else.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import (
    EvaluationFile,
    EvaluationOverrides,
    failing_with_one_message,
    new_app,
    start,
)
from pipeline.console import TextConsole

app = new_app()


@app.command()
def main(
    first: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="Embeddings, as of evaluate, or a folder that it wrote.",
            show_default=False,
        ),
    ],
    second: Annotated[
        Path,
        typer.Argument(metavar="B", help="The same of another model.", show_default=False),
    ],
    *,
    labels: Annotated[
        Path | None,
        typer.Option(help="For each .npy: a table with the columns key and identity, row by row."),
    ] = None,
    config: EvaluationFile = None,
    overrides: EvaluationOverrides = None,
    output: Annotated[
        Path | None, typer.Option(help="A new file, for the same as JSON.", show_default=False)
    ] = None,
) -> None:
    """Put two models side by side, with the interval of each difference."""
    # NumPy and SciPy: not for --help.
    from pipeline.comparing import compare_models  # noqa: PLC0415

    with failing_with_one_message():
        compare_models(
            (first, second),
            labels=labels,
            config=config,
            overrides=overrides or (),
            output=output,
            console=TextConsole(),
        )


if __name__ == "__main__":
    start(app)

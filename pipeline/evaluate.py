"""Measures embeddings or scores that any model has made, without training and without TensorFlow.

    python pipeline/evaluate.py embeddings.npz --output results/mine
    python pipeline/evaluate.py embeddings.npy --labels labels.csv --output results/mine
    python pipeline/evaluate.py scores.csv --scores similarity --output results/mine
    python pipeline/evaluate.py genuine.txt --impostor impostor.txt --scores distance --output out

Exit codes: 0, the model shows all that is asked of it; 3, it was measured, and does not; 2,
something that was given is wrong; 1, anything else.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import (
    EXIT_NOT_BLESSED,
    EvaluationFile,
    EvaluationOverrides,
    failing_with_one_message,
    new_app,
    start,
)
from pipeline.console import TextConsole, showing_work

app = new_app()


@app.command()
def main(
    measured: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Embeddings: .npz, .npy with --labels, or .parquet. With --scores: a table of "
            "score and is_genuine, or, with --impostor, a text with the scores of genuine pairs.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option(help="A new folder for figures, report, curves and thresholds.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(help="For an .npy: a table with the columns key and identity, row by row."),
    ] = None,
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="distance|similarity", help="FILE has scores; of distances, lower is nearer."
        ),
    ] = None,
    impostor: Annotated[
        Path | None, typer.Option(help="A text with the scores of impostor pairs, one in a line.")
    ] = None,
    config: EvaluationFile = None,
    overrides: EvaluationOverrides = None,
    bounds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BOUND",
            help="What is required, in place of evaluation.bounds: --bounds 'EER<=0.05' --bounds "
            "'TAR@FAR=1e-03>=0.9'.",
        ),
    ] = None,
    latest_blessed: Annotated[
        Path | None,
        typer.Option(
            help="Embeddings of the same images by the model in use, or an earlier --output: it "
            "must not be significantly better."
        ),
    ] = None,
) -> None:
    """Measure embeddings or scores of any model, without training."""
    # NumPy and SciPy: not for --help.
    from pipeline.measuring import Request, measure  # noqa: PLC0415

    request = Request(
        measured=measured,
        output=output,
        labels=labels,
        scores=scores,
        impostor=impostor,
        config=config,
        overrides=tuple(overrides or ()),
        bounds=tuple(bounds or ()),
        latest_blessed=latest_blessed,
    )
    with failing_with_one_message(), showing_work(TextConsole(stderr=True), "measuring"):
        blessed = measure(request, TextConsole())
    if not blessed:
        raise typer.Exit(EXIT_NOT_BLESSED)


if __name__ == "__main__":
    start(app)

"""Tells whether two image files show the same person, with the pushed model.

python pipeline/verify.py A.jpg B.jpg [--model-dir runs/demo/serving_model] [--far 1e-3]
python pipeline/verify.py --pairs pairs.csv [--output answers.csv]
"""

from pathlib import Path
from typing import Annotated

import typer

from groundfloor.errors import UserError
from pipeline.command import (
    MODEL_DIR,
    Landmarks,
    ModelDir,
    TrustModel,
    failing_with_one_message,
    new_app,
    start,
)

app = new_app()


@app.command()
def main(
    first: Annotated[Path | None, typer.Argument(help="An image file.", show_default=False)] = None,
    second: Annotated[Path | None, typer.Argument(help="Another one.", show_default=False)] = None,
    *,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="A table with the columns first and second (paths relative to it), in place of "
            "two images; further columns are kept. A row a pair: distance, same, llr, remark.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Of --pairs: the file to write, in place of standard output."),
    ] = None,
    model_dir: ModelDir = MODEL_DIR,
    far: Annotated[
        float | None,
        typer.Option(help="Use the threshold for this false-accept rate, such as 1e-3, not EER's."),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(help="Probability of one person before seeing the images, in (0, 1)."),
    ] = 0.5,
    landmarks: Landmarks = None,
    trust_model: TrustModel = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say what has computed it: an export, or TensorFlow.")
    ] = False,
) -> None:
    """Print the distance of two faces, the threshold, how sure it is, and same or different."""
    # NumPy and Pillow, and in the end TensorFlow: not for --help.
    from pipeline.pair_verdicts import print_pairs  # noqa: PLC0415
    from pipeline.verdict import print_verdict  # noqa: PLC0415

    with failing_with_one_message():
        if pairs:
            _refuse_beside_pairs(first=first, landmarks=landmarks)
            print_pairs(pairs, model_dir, far, trust_model, output=output, verbose=verbose)
        elif first is None or second is None:
            raise UserError("give two images, or a list of pairs with --pairs")
        elif output:
            raise UserError("--output is of --pairs: the answer for two images is printed")
        else:
            print_verdict(
                (first, second),
                model_dir,
                far,
                prior,
                trust_model,
                landmarks=landmarks or (),
                verbose=verbose,
            )


def _refuse_beside_pairs(**given: object) -> None:
    for name, value in given.items():
        if value:
            raise UserError(
                f"--pairs names the images, with columns for their landmarks: leave out {name}"
            )


if __name__ == "__main__":
    start(app)

"""Tells whether two image files show the same person, with the pushed model.

python pipeline/verify.py A.jpg B.jpg [--model-dir runs/demo/serving_model] [--far 1e-3]
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import failing_with_one_message, new_app, start

app = new_app()


@app.command()
def main(
    first: Annotated[Path, typer.Argument(help="An image file.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    *,
    model_dir: Annotated[
        Path,
        typer.Option(help="The serving folder of a run; its latest complete version is used."),
    ] = Path("runs/demo/serving_model"),
    far: Annotated[
        float | None,
        typer.Option(help="Use the threshold for this false-accept rate, such as 1e-3, not EER's."),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(help="Probability of one person before seeing the images, in (0, 1)."),
    ] = 0.5,
    landmarks: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X1,Y1..X5,Y5",
            help="Five points of the face in pixels, for each image in turn: both eyes, the nose, "
            "both corners of the mouth, the left of the picture first.",
        ),
    ] = None,
    trust_model: Annotated[
        bool,
        typer.Option(
            "--trust-model",
            help="Load a model that no thresholds vouch for; it can do all that you can.",
        ),
    ] = False,
) -> None:
    """Print the distance of two faces, the threshold, how sure it is, and same or different."""
    # SciPy, and in the end TensorFlow: not for --help.
    from pipeline.verdict import print_verdict  # noqa: PLC0415

    with failing_with_one_message():
        print_verdict(
            (first, second), model_dir, far, prior, trust_model, landmarks=landmarks or ()
        )


if __name__ == "__main__":
    start(app)

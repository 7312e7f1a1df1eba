"""Measures any model, or embeddings or scores that it has made, without training.

Embeddings and scores need no TensorFlow.

    python pipeline/evaluate.py embeddings.npz --output results/mine
    python pipeline/evaluate.py embeddings.npy --labels labels.csv --output results/mine
    python pipeline/evaluate.py scores.csv --scores similarity --output results/mine
    python pipeline/evaluate.py genuine.txt --impostor impostor.txt --scores distance --output out
    python pipeline/evaluate.py model.onnx --images my/faces --output results/mine \\
        --colours rgb --mean 127.5 --scale 1/127.5

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
from pipeline.console import TextConsole

app = new_app()

_OF_MODELS = "Models"


@app.command()
def main(
    measured: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Embeddings: .npz, .npy with --labels, or .parquet. With --scores: a table of "
            "score and is_genuine, or, with --impostor, a text with the scores of genuine pairs. "
            "With --images: a model, .onnx, .tflite, .keras, a SavedModel's folder or "
            "http://HOST:PORT/v2/models/NAME.",
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
    images: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|FILE",
            help="FILE is a model, which embeds these: a folder of people, a manifest, train.rec.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HEIGHTxWIDTH",
            help="Of the input; by default as the model says.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = None,
    colours: Annotated[
        str | None,
        typer.Option(
            metavar="rgb|bgr|grey", help="The order of the channels.", rich_help_panel=_OF_MODELS
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            metavar="M[,M,M]",
            help="The network takes (level - M) x S of levels of 0 to 255; one number, or one for "
            "each channel in their order.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="S[,S,S]", help="Likewise, such as 1/127.5.", rich_help_panel=_OF_MODELS
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="nhwc|nchw",
            help="Whether channels come last or first; by default as the input's shape says.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = None,
    align: Annotated[
        bool | None,
        typer.Option(
            "--align/--no-align",
            help="Align faces by landmarks of the manifest or the detector; by default where they "
            "are known.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="off|mtcnn",
            help="Finds faces where the images' source gives no landmarks.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(
            min=1, max=4096, help="Images embedded at a time.", rich_help_panel=_OF_MODELS
        ),
    ] = 32,
    tried_images: Annotated[
        int,
        typer.Option(
            min=0,
            help="On about so many images, other channels and scales are tried; 0: on none.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = 500,
    trust_model: Annotated[
        bool,
        typer.Option(
            "--trust-model",
            help="Load a SavedModel or a .keras that no thresholds vouch for; it can do all that "
            "you can.",
            rich_help_panel=_OF_MODELS,
        ),
    ] = False,
) -> None:
    """Measure any model, or embeddings or scores that it has made, without training."""
    # NumPy and SciPy: not for --help.
    from pipeline.asked_model import asked_model  # noqa: PLC0415
    from pipeline.measuring import Request, measure  # noqa: PLC0415

    with failing_with_one_message():
        model = asked_model(
            measured,
            images,
            size=size,
            colours=colours,
            mean=mean,
            scale=scale,
            layout=layout,
            align=align,
            detector=detector,
            batch_size=batch_size,
            tried_images=tried_images,
            trust_model=trust_model,
        )
        request = Request(
            measured=Path(measured),
            output=output,
            labels=labels,
            scores=scores,
            impostor=impostor,
            config=config,
            overrides=tuple(overrides or ()),
            bounds=tuple(bounds or ()),
            latest_blessed=latest_blessed,
            model=model,
        )
        blessed = measure(request, TextConsole())
    if not blessed:
        raise typer.Exit(EXIT_NOT_BLESSED)


if __name__ == "__main__":
    start(app)

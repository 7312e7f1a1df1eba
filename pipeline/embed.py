"""Embeds the images of a source with a model, for `arcface evaluate` and whoever else takes them.

    python pipeline/embed.py my/faces --model-dir runs/mine/serving_model --output faces.parquet
    python pipeline/embed.py 'my/span-{SPAN}' --model-dir runs/mine/serving_model --output new.npz

Exit codes: 0, all that can be embedded is; 2, something that was given is wrong; 1, anything else.
"""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import (
    MODEL_DIR,
    ModelDir,
    TrustModel,
    failing_with_one_message,
    new_app,
    print_error,
    start,
)
from pipeline.console import TextConsole
from pipeline.stopping import Stopped, end_now, stopping_on_signals

app = new_app()


@app.command()
def main(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Images of people: a folder, a manifest, a .rec, TFRecords, a URL, or a pattern "
            "with {SPAN}, as --data-dir of a run.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option(
            help="A new .parquet or .npz. Images that cannot be embedded are listed beside it.",
            show_default=False,
        ),
    ],
    model_dir: ModelDir = MODEL_DIR,
    config: Annotated[
        Path | None,
        typer.Option(help="A configuration, whose section data says how the images are read."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key: --set data.follow_links=true"
        ),
    ] = None,
    trust_model: TrustModel = False,
    in_beam: Annotated[
        bool,
        typer.Option(
            "--beam", help="Embed in Beam, where beam.pipeline_args of the configuration says."
        ),
    ] = False,
) -> None:
    """Embed images of people, to a file that `arcface evaluate` takes."""
    # NumPy, and in the end TensorFlow: not for --help.
    from pipeline.embedding import Request, embed_source  # noqa: PLC0415

    request = Request(
        data=data,
        output=output,
        model_dir=model_dir,
        config=config,
        overrides=tuple(overrides or ()),
        trust_model=trust_model,
        in_beam=in_beam,
    )
    try:
        with failing_with_one_message(), stopping_on_signals(f"{output} is not written"):
            embed_source(request, TextConsole())
    except Stopped as stop:
        print_error(stop)
        end_now(stop.exit_code)


if __name__ == "__main__":
    start(app)

"""Serves the pushed model over HTTP: verification, a gallery, inference, a page.

    python pipeline/serve.py --model-dir runs/demo/serving_model

docs/serving.md has the routes, the limits, and how it runs where others can reach it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from groundfloor.errors import UserError
from pipeline.command import (
    MODEL_DIR,
    ModelDir,
    TrustModel,
    failing_with_one_message,
    new_app,
    start,
)
from pipeline.image_files import expanded
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel, choose_model
from serving.service.settings import MEBIBYTE, ServiceSettings
from serving.service.tokens import Tokens, read_tokens, require_token_or_loopback

app = new_app()

# What the extra `serve` brings.
_EXTRA = ("fastapi", "prometheus_client", "python_multipart", "starlette", "uvicorn")


@app.command()
def main(
    *,
    model_dir: ModelDir = MODEL_DIR,
    name: Annotated[
        str, typer.Option(help="Of the model, in the paths of the Open Inference Protocol.")
    ] = "arcface",
    gallery: Annotated[
        Path | None,
        typer.Option(help="The file of a gallery, to enrol and find people; made if missing."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; without a token, of this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Tokens, one a line, beside that of ARCFACE_API_TOKEN."),
    ] = None,
    max_body: Annotated[
        float, typer.Option(min=0.001, max=2048, help="MiB of a request, at most.")
    ] = 16,
    max_images: Annotated[
        int, typer.Option(min=1, max=4096, help="Images of a request, at most.")
    ] = 64,
    max_requests: Annotated[
        int,
        typer.Option(min=1, max=10_000, help="Requests at a time; further ones get a 503."),
    ] = 64,
    max_batch: Annotated[
        int, typer.Option(min=1, max=4096, help="Images that the model sees at a time.")
    ] = 32,
    max_wait: Annotated[
        float,
        typer.Option(min=0, max=1000, help="Milliseconds that a batch waits for more images."),
    ] = 5,
    timeout: Annotated[
        float, typer.Option(min=0.001, max=3600, help="Seconds until a request gets a 504.")
    ] = 30,
    rate: Annotated[
        float, typer.Option(min=0, help="Requests a second of one client; 0: no limit.")
    ] = 100,
    burst: Annotated[
        int, typer.Option(min=1, help="Requests that a quiet client may make at once.")
    ] = 200,
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="That decode images.", show_default="one for each core"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            help="Batches that the model sees at a time; 1 suits a GPU.",
            show_default="one for each core",
        ),
    ] = None,
    trust_model: TrustModel = False,
) -> None:
    """Serve the pushed model over HTTP: verification, a gallery, inference, a page."""
    with failing_with_one_message():
        cores = len(os.sched_getaffinity(0))
        settings = ServiceSettings(
            model_dir=expanded(model_dir),
            trust_model=trust_model,
            name=name,
            gallery=expanded(gallery) if gallery else None,
            host=host,
            port=port,
            max_body=int(max_body * MEBIBYTE),
            max_images=max_images,
            max_requests=max_requests,
            max_batch=max_batch,
            max_wait=max_wait / 1000,
            timeout=timeout,
            rate=rate,
            burst=burst,
            threads=threads or cores,
            workers=workers or cores,
        )
        tokens = read_tokens(os.environ, expanded(token_file) if token_file else None)
        require_token_or_loopback(host, tokens)
        chosen = choose_model(settings.model_dir, trust_model)
        _service()(settings, tokens, chosen)


def _service() -> Callable[[ServiceSettings, Tokens, ChosenModel], None]:
    """What serves.

    Raises:
      UserError: its libraries are not installed.
    """
    try:
        with quiet_import():
            from serving.service.server import serve  # noqa: PLC0415 - TensorFlow, FastAPI
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise UserError(
            f"{error.name} is not installed: pip install 'arcface-pipeline[serve]'"
        ) from None
    return serve


if __name__ == "__main__":
    start(app)

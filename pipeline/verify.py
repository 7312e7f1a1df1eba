"""Tells whether two image files show the same person, with the pushed model.

python pipeline/verify.py A.jpg B.jpg [--model-dir runs/demo/serving_model]
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import typer

from components.errors import UserError
from pipeline.quiet import quiet_import, quiet_libraries

EXIT_USER_ERROR = 2

# Below the folder of a pushed model; `components.pusher.executor` writes it.
_THRESHOLD_FILE = Path("assets.extra") / "threshold.json"

_MAX_PIXELS = 50_000_000

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Threshold:
    """What a distance is held against.

    Attributes:
      distance: `cosine` or `euclidean`.
      threshold: a pair at this distance or nearer is accepted as the same person.
      operating_point: how it was chosen, such as "EER".
    """

    distance: str
    threshold: float
    operating_point: str


@app.command()
def main(
    first: Annotated[Path, typer.Argument(help="An image file.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    model_dir: Annotated[
        Path, typer.Option(help="The serving folder of a run; its latest version is used.")
    ] = Path("runs/demo/serving_model"),
) -> None:
    """Print the distance of two faces, the threshold, and same or different."""
    try:
        version = latest_version(model_dir)
        threshold = load_threshold(version)
        images = [_encoded(path) for path in (first, second)]
        distance = distance_between(*_embed(version, images), threshold.distance)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    verdict = "same person" if distance <= threshold.threshold else "different people"
    print(f"distance  {distance:.4f} ({threshold.distance})")
    print(f"threshold {threshold.threshold:.4f} ({threshold.operating_point} of model {version})")
    print(verdict)


def latest_version(model_dir: Path) -> Path:
    """The newest pushed model: the folder with the highest number, as TensorFlow Serving takes it.

    Raises:
      UserError: there is none.
    """
    versions = [path for path in model_dir.glob("*") if path.name.isdecimal()]
    if not versions:
        raise UserError(f"no pushed model in {model_dir}: run the pipeline, or give --model-dir")
    return max(versions, key=lambda path: int(path.name))


def load_threshold(version: Path) -> Threshold:
    """Reads the threshold that was pushed with a model.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    path = version / _THRESHOLD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Threshold(
            content["distance"], float(content["threshold"]), content["operating_point"]
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"cannot read the model's threshold {path}: {error!r}") from None


def distance_between(first: np.ndarray, second: np.ndarray, name: str) -> float:
    """The distance of two L2-normalised embeddings, float32 [D] each.

    Returns:
      For `cosine`, 1 - cos in [0, 2]; for `euclidean`, the norm of the difference, in [0, 2].
    """
    if name == "cosine":
        return float(1.0 - first @ second)
    return float(np.linalg.norm(first - second))


def _encoded(path: Path) -> bytes:
    """The file as the pipeline would have read it."""
    with quiet_import():
        from components.example_gen.folder import read_file  # noqa: PLC0415 - so is TensorFlow
        from components.example_gen.images import (  # noqa: PLC0415
            MAX_FILE_BYTES,
            BadImageError,
            encode_image,
        )

    try:
        return encode_image(read_file(path, MAX_FILE_BYTES), _MAX_PIXELS).encoded
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, BadImageError) as error:
        raise UserError(f"{path} is no usable image: {error}") from None


def _embed(version: Path, images: list[bytes]) -> Any:
    """float32 [N, D], L2-normalised."""
    with quiet_import():
        import tensorflow as tf  # noqa: PLC0415

        from components.trainer.export import EMBEDDING_KEY, SERVING_SIGNATURE  # noqa: PLC0415

    try:
        model = tf.saved_model.load(str(version))
    except OSError as error:
        raise UserError(f"cannot load the model {version}: {error}") from None
    signature = model.signatures[SERVING_SIGNATURE]
    return signature(image_bytes=tf.constant(images))[EMBEDDING_KEY].numpy()


if __name__ == "__main__":
    quiet_libraries()
    app()

"""Tells whether two image files show the same person, with the pushed model.

python pipeline/verify.py A.jpg B.jpg [--model-dir runs/demo/serving_model] [--far 1e-3]
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import typer

from components.errors import UserError
from components.evaluator.calibration import posterior
from components.evaluator.figures import is_known
from components.evaluator.threshold_pack import (
    COMPANIONS,
    THRESHOLDS_FILE,
    MeasuredWithIntervals,
    OperatingPoint,
    ThresholdPack,
    digest_of_folder,
)
from pipeline.account import ensure_account
from pipeline.quiet import quiet_import, quiet_libraries

EXIT_USER_ERROR = 2

_MAX_PIXELS = 50_000_000

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    first: Annotated[Path, typer.Argument(help="An image file.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    model_dir: Annotated[
        Path, typer.Option(help="The serving folder of a run; its latest version is used.")
    ] = Path("runs/demo/serving_model"),
    far: Annotated[
        float | None,
        typer.Option(help="Use the threshold for this false-accept rate, such as 1e-3, not EER's."),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(help="Probability of one person before seeing the images, in (0, 1)."),
    ] = 0.5,
) -> None:
    """Print the distance of two faces, the threshold, how sure it is, and same or different."""
    try:
        version = latest_version(model_dir)
        pack = load_pack(version)
        point = pack.operating_point(far)
        posterior(0.0, prior)  # an impossible prior is refused before the model is loaded
        for path in (first, second):
            _encoded(path, channels=3)  # what is no image is refused before the model is loaded
        model = _load_model(version)
        images = [_encoded(path, _channels(model)) for path in (first, second)]
        distance = distance_between(*_embed(model, images), pack.distance)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    print("\n".join(answer(distance, pack, point, version, prior)))


def answer(
    distance: float, pack: ThresholdPack, point: OperatingPoint, version: Path, prior: float
) -> list[str]:
    """The lines that are printed: the distance first, the verdict last."""
    measured = point.test
    lines = [
        f"distance  {distance:.4f} ({pack.distance})",
        f"threshold {point.threshold:.4f} ({point.name} of model {version})",
        f"measured  {_rate(measured, 'FAR')} and {_rate(measured, 'FRR')} there, "
        f"on {measured.identities} test people: {_state(point)}",
    ]
    if pack.calibration:
        llr = float(pack.calibration.llr(distance))
        lines.append(
            f"evidence  log-likelihood ratio {llr:+.2f} (natural): same person with probability "
            f"{posterior(llr, prior):.4f}, at a prior of {prior:g}"
        )
    return [*lines, "same person" if distance <= point.threshold else "different people"]


def _rate(measured: MeasuredWithIntervals, key: str) -> str:
    low, high = measured.intervals[key]
    limits = f"{low:.2g} to {high:.2g}" if is_known((low, high)) else "not known"
    return f"{key} {getattr(measured, key):.2g} (95 % interval {limits})"


def _state(point: OperatingPoint) -> str:
    return f"{point.state} ({point.shortcoming})" if point.shortcoming else point.state


def latest_version(model_dir: Path) -> Path:
    """The newest pushed model: the folder with the highest number, as TensorFlow Serving takes it.

    Raises:
      UserError: there is none.
    """
    versions = [path for path in model_dir.glob("*") if path.name.isdecimal()]
    if not versions:
        raise UserError(f"no pushed model in {model_dir}: run the pipeline, or give --model-dir")
    return max(versions, key=lambda path: int(path.name))


def load_pack(version: Path) -> ThresholdPack:
    """Reads the thresholds that were pushed with a model.

    Raises:
      UserError: there are none, they cannot be read, or they are another model's.
    """
    path = version / COMPANIONS / THRESHOLDS_FILE
    try:
        pack = ThresholdPack.from_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read the model's thresholds {path}: {error.strerror}") from None
    except UserError as error:
        raise UserError(f"cannot read the model's thresholds {path}: {error}") from None
    if pack.model_sha256 != digest_of_folder(_files(version)):
        raise UserError(f"{path} holds the thresholds of another model than {version}")
    return pack


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files below a folder: relative path and content."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def distance_between(first: np.ndarray, second: np.ndarray, name: str) -> float:
    """The distance of two L2-normalised embeddings, float32 [D] each.

    Returns:
      For `cosine`, 1 - cos in [0, 2]; for `euclidean`, the norm of the difference, in [0, 2].
    """
    if name == "cosine":
        return float(1.0 - first @ second)
    return float(np.linalg.norm(first - second))


def _encoded(path: Path, channels: int) -> bytes:
    """The file as the pipeline would have read it for a model of so many channels."""
    with quiet_import():
        from components.example_gen.folder import read_file  # noqa: PLC0415 - so is TensorFlow
        from components.example_gen.images import (  # noqa: PLC0415
            MAX_FILE_BYTES,
            BadImageError,
            encode_image,
        )

    try:
        return encode_image(read_file(path, MAX_FILE_BYTES), _MAX_PIXELS, channels).encoded
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, BadImageError) as error:
        raise UserError(f"{path} is no usable image: {error}") from None


def _load_model(version: Path) -> Any:
    with quiet_import():
        import tensorflow as tf  # noqa: PLC0415

    try:
        return tf.saved_model.load(str(version))
    except OSError as error:
        raise UserError(f"cannot load the model {version}: {error}") from None


def _channels(model: Any) -> int:
    """Of the images that the model takes, 1 or 3."""
    from components.trainer.export import PIXELS_SIGNATURE  # noqa: PLC0415 - so is TensorFlow

    pixels = model.signatures[PIXELS_SIGNATURE].structured_input_signature[1]["pixels"]
    return pixels.shape[-1]


def _embed(model: Any, images: list[bytes]) -> Any:
    """float32 [N, D], L2-normalised."""
    import tensorflow as tf  # noqa: PLC0415

    from components.trainer.export import EMBEDDING_KEY, SERVING_SIGNATURE  # noqa: PLC0415

    signature = model.signatures[SERVING_SIGNATURE]
    return signature(image_bytes=tf.constant(images))[EMBEDDING_KEY].numpy()


if __name__ == "__main__":
    ensure_account()
    quiet_libraries()
    app()

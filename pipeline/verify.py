"""Tells whether two image files show the same person, with the pushed model.

python pipeline/verify.py A.jpg B.jpg [--model-dir runs/demo/serving_model] [--far 1e-3]
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TextIO

if __package__ in (None, ""):
    # Run as a file: `pipeline` must be the package, not the module pipeline.py beside this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import typer

from biometrics.figures.names import is_known
from biometrics.thresholds.calibration import posterior
from biometrics.thresholds.pack import (
    THRESHOLDS_FILE,
    MeasuredWithIntervals,
    OperatingPoint,
    ThresholdPack,
)
from faces.content import UnreadableError, read_file
from groundfloor.errors import UserError
from pipeline.account import ensure_account
from pipeline.quiet import quiet_import, quiet_libraries
from serving.file_operations import file_operations
from serving.model_dir import (
    SAVED_MODEL_FILE,
    Newest,
    PushedVersion,
    UnusableModelError,
    load_pack,
    newest_complete,
)

EXIT_USER_ERROR = 2

_ANY_CHANNELS = 3

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


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
    trust_model: Annotated[
        bool,
        typer.Option(
            "--trust-model",
            help="Load a model that no thresholds vouch for; it can do all that you can.",
        ),
    ] = False,
) -> None:
    """Print the distance of two faces, the threshold, how sure it is, and same or different."""
    try:
        lines = _verify((first, second), model_dir, far, prior, trust_model)
    except UserError as error:
        _print(f"error: {error}", sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    for line in lines:
        _print(line, sys.stdout)


def _verify(
    paths: Sequence[Path], model_dir: Path, far: float | None, prior: float, trust_model: bool
) -> list[str]:
    """Cheap refusals come before TensorFlow is loaded, and the images before the model."""
    paths = [_expanded(path) for path in paths]
    if far is not None and not 0 < far < 1:
        raise UserError(f"--far is a false-accept rate above 0 and below 1. Received: {far}")
    posterior(0.0, prior)
    contents = [_content(path) for path in paths]
    version, pack = choose_model(_expanded(model_dir), trust_model)
    point = pack.operating_point(far) if pack else None
    pair = _compare(paths, contents, version, pack)
    if not pack or not point:
        distance = f"distance  {pair.distance:.4f} (cosine)"
        return [distance, *_said_of(pair.remarks), "no verdict: there are no thresholds"]
    *lines, verdict = answer(pair.distance, pack, point, version, prior, remarks=pair.remarks)
    # What the run printed when it pushed the model: the folder alone could have been rewritten.
    return [*lines, f"vouched   by {THRESHOLDS_FILE}, sha256 {pack.sha256[:12]}", verdict]


@dataclass(frozen=True)
class Pair:
    """Two images and a model.

    Attributes:
      distance: by the pack's name of it.
      remarks: what is to be said of the images before anybody relies on the distance.
    """

    distance: float
    remarks: "Remarks"


@dataclass(frozen=True)
class Remarks:
    """What is to be said of two images.

    Attributes:
      unlike: image -> how it differs from the images that the model was measured on.
      is_one_image: both have the very same pixels.
    """

    unlike: Mapping[str, Sequence[str]]
    is_one_image: bool = False


NO_REMARKS = Remarks({})


def answer(
    distance: float,
    pack: ThresholdPack,
    point: OperatingPoint,
    version: Path,
    prior: float,
    *,
    remarks: Remarks = NO_REMARKS,
) -> list[str]:
    """The lines that are printed: the distance first, the verdict last."""
    measured = point.test
    lines = [
        f"distance  {distance:.4f} ({pack.distance})",
        f"threshold {point.threshold:.4f} ({point.name} of model {version})",
        f"measured  {_rate(measured, 'FAR')} and {_rate(measured, 'FRR')} there, "
        f"on {measured.identities} test people: {_state(point)}",
        *_said_of(remarks),
    ]
    if pack.calibration and (remarks.unlike or remarks.is_one_image):
        lines.append(
            "evidence  no probability: what a distance is worth was not measured on such images"
        )
    elif pack.calibration:
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


def _said_of(remarks: Remarks) -> list[str]:
    lines = [
        f"images    {image} is unlike the images this model was measured on: {'; '.join(reasons)}"
        for image, reasons in remarks.unlike.items()
    ]
    if remarks.is_one_image:
        lines.append("images    both have the very same pixels: an image is compared with itself")
    return lines


def choose_model(model_dir: Path, trust_model: bool) -> tuple[Path, ThresholdPack | None]:
    """The newest complete version, or the model that `model_dir` itself is.

    What is passed over on the way is said on stderr.

    Args:
      model_dir: the folder of versions, or a SavedModel.
      trust_model: where there is no complete one, take the newest that can be loaded.

    Returns:
      The SavedModel's folder, and what vouches for it; None: nothing does.

    Raises:
      UserError: there is no model, or none that is vouched for, and it is not trusted either.
    """
    try:
        newest = _single(model_dir) or newest_complete(str(model_dir))
    except OSError as error:
        raise UserError(f"cannot read {model_dir}: {error.strerror}") from None
    if newest.version:
        for reason in newest.skipped.values():
            _print(f"note: a newer model is passed over: {reason}", sys.stderr)
        return Path(newest.version.path), newest.version.pack
    if not newest.skipped:
        raise UserError(f"no pushed model in {model_dir}: run the pipeline, or give --model-dir")
    loadable = [path for path in newest.skipped if (Path(path) / SAVED_MODEL_FILE).is_file()]
    reason = next(iter(newest.skipped.values()))
    if not loadable:
        raise UserError(reason)
    if not trust_model:
        raise UserError(f"{reason}. {_why_not_loaded(Path(loadable[0]))}")
    _print(f"note: nothing vouches for this model: {newest.skipped[loadable[0]]}", sys.stderr)
    return Path(loadable[0]), None


def _single(folder: Path) -> Newest | None:
    """A folder that is a SavedModel, as if it was the only version; None if it is none."""
    if not (folder / SAVED_MODEL_FILE).is_file():
        return None
    try:
        return Newest(PushedVersion(str(folder), load_pack(folder)))
    except UnusableModelError as error:
        return Newest(None, {str(folder): str(error)})


def _why_not_loaded(version: Path) -> str:
    """A SavedModel is a program, so one is not loaded on nobody's word."""
    try:
        operations = file_operations((version / SAVED_MODEL_FILE).read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {version / SAVED_MODEL_FILE}: {error.strerror}") from None
    named = f" (it has operations on files: {', '.join(operations)})" if operations else ""
    return (
        f"Loading a model runs what is in it{named}, and nothing vouches for this one: give "
        f"--trust-model if you know where it is from"
    )


def _compare(
    paths: Sequence[Path], contents: Sequence[bytes], version: Path, pack: ThresholdPack | None
) -> Pair:
    """Embeds the images and looks at them, as the network sees them."""
    with quiet_import():
        from serving.embedder import PushedModel, checked_image  # noqa: PLC0415 - TensorFlow

    files = list(zip(paths, contents, strict=True))
    for path, content in files:  # what is no image at all is refused before the model is loaded
        checked_image(path, content, _ANY_CHANNELS)
    model = PushedModel(version)
    images = [(path, checked_image(path, content, model.channels)) for path, content in files]
    pixels = {path: model.pixels(path, image.encoded) for path, image in images}
    embeddings = [model.embed(path, image.encoded) for path, image in images]
    sizes = {path: (image.height, image.width) for path, image in images}
    return Pair(
        distance_between(*embeddings, pack.distance if pack else "cosine"),
        Remarks(
            _unlike(pixels, sizes, pack),
            is_one_image=np.array_equal(pixels[paths[0]], pixels[paths[1]]),
        ),
    )


def _unlike(
    pixels: Mapping[Path, np.ndarray],
    sizes: Mapping[Path, tuple[int, int]],
    pack: ThresholdPack | None,
) -> dict[str, Sequence[str]]:
    """How each image differs from what was measured, where it does."""
    differences = {
        str(path): [
            *(pack.measured_sizes.unlike(*sizes[path]) if pack and pack.measured_sizes else []),
            *(pack.measured_images.unlike(pixels[path]) if pack and pack.measured_images else []),
        ]
        for path in pixels
    }
    return {path: reasons for path, reasons in differences.items() if reasons}


def distance_between(first: np.ndarray, second: np.ndarray, name: str) -> float:
    """The distance of two L2-normalised embeddings, float32 [D] each.

    Returns:
      For `cosine`, 1 - cos in [0, 2]; for `euclidean`, the norm of the difference, in [0, 2].
    """
    if name == "cosine":
        return float(1.0 - first @ second)
    return float(np.linalg.norm(first - second))


def _expanded(path: Path) -> Path:
    """With a home in place of `~`, for those who quote it."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"cannot read {path}: {error}") from None


def _content(path: Path) -> bytes:
    try:
        return read_file(path)
    except UnreadableError as error:
        raise UserError(f"{path} is no usable image: {error}") from None


def _print(line: str, stream: TextIO) -> None:
    """One line, whatever is in the names of files."""
    encoding = stream.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)


if __name__ == "__main__":
    ensure_account()
    quiet_libraries()
    app()

"""What `verify.py` says of two images."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from biometrics.figures.names import is_known
from biometrics.thresholds.calibration import posterior
from biometrics.thresholds.pack import (
    THRESHOLDS_FILE,
    MeasuredWithIntervals,
    OperatingPoint,
    ThresholdPack,
)
from faces.content import UnreadableError, read_file
from faces.images.light.decode import NeedsTensorFlowError
from faces.sources.geometry import LANDMARK_COLUMNS, GeometryError, landmarks_of
from groundfloor.errors import UserError
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel, choose_model
from serving.comparison import DEFAULT_DISTANCE, Comparison, compare_images
from serving.light import LightEmbedder, open_light

_ANY_CHANNELS = 3

# Path, content and landmarks, if these are known.
_File = tuple[Path, bytes, tuple[float, ...] | None]


def print_verdict(
    paths: Sequence[Path],
    model_dir: Path,
    far: float | None,
    prior: float,
    trust_model: bool,
    *,
    landmarks: Sequence[str] = (),
    verbose: bool = False,
) -> None:
    """Prints the distance of two images first, and same person or different people last.

    Cheap refusals come before TensorFlow is loaded, and the images before the model.

    Args:
      paths: of the two images.
      model_dir: of the versions, or of a SavedModel.
      far: the false-accept rate whose threshold decides; None for the EER's.
      prior: the probability of one person before the images are seen.
      trust_model: load a model that no thresholds vouch for.
      landmarks: of each image, ten numbers with commas between; empty: nobody says them.
      verbose: say what has computed it.

    Raises:
      UserError: something that was given cannot be used.
    """
    paths = [expanded(path) for path in paths]
    check_far(far)
    posterior(0.0, prior)
    points = _landmarks(landmarks, len(paths))
    files = [(path, content_of(path), point) for path, point in zip(paths, points, strict=True)]
    model, point = chosen_model(model_dir, far, trust_model)
    pair, way = _compared(files, model, point)
    if verbose:
        print_line(f"computed by {way}", sys.stderr)
    if model.pack and point:
        lines = answer(pair, model.pack, point, model.path, prior)
    else:
        lines = _without_thresholds(pair)
    for line in lines:
        print_line(line, sys.stdout)


def check_far(far: float | None) -> None:
    """Refuses a rate that is none.

    Raises:
      UserError: it is not between 0 and 1.
    """
    if far is not None and not 0 < far < 1:
        raise UserError(f"--far is a false-accept rate above 0 and below 1. Received: {far}")


def chosen_model(
    model_dir: Path, far: float | None, trust_model: bool
) -> tuple[ChosenModel, OperatingPoint | None]:
    """The model, and the threshold that decides; None for a model without thresholds.

    What is to be said of the choice is printed.

    Raises:
      UserError: there is no such model, or no such threshold.
    """
    model = choose_model(expanded(model_dir), trust_model)
    for remark in model.remarks:
        print_line(f"note: {remark}", sys.stderr)
    return model, model.pack.operating_point(far) if model.pack else None


def answer(
    pair: Comparison, pack: ThresholdPack, point: OperatingPoint, version: Path, prior: float
) -> list[str]:
    """The lines that are printed for a model with thresholds."""
    measured = point.test
    return [
        f"distance  {pair.distance:.4f} ({pack.distance})",
        f"threshold {point.threshold:.4f} ({point.name} of model {version})",
        f"measured  {_rate(measured, 'FAR')} and {_rate(measured, 'FRR')} there, "
        f"on {measured.identities} test people: {_state(point)}",
        *_said_of(pair),
        *_evidence(pair, pack, prior),
        # What the run printed when it pushed the model: the folder alone could have been rewritten.
        f"vouched   by {THRESHOLDS_FILE}, sha256 {pack.sha256[:12]}",
        "same person" if pair.distance <= point.threshold else "different people",
    ]


def _without_thresholds(pair: Comparison) -> list[str]:
    return [
        f"distance  {pair.distance:.4f} ({DEFAULT_DISTANCE})",
        *_said_of(pair),
        "no verdict: there are no thresholds",
    ]


def _compared(
    files: Sequence[_File], model: ChosenModel, point: OperatingPoint | None
) -> tuple[Comparison, str]:
    """The two images, compared, and what has done it."""
    light = open_light(model)
    pair = _compared_lightly(files, light, model, point) if light else None
    if pair and light:
        return pair, f"the export {light.export}, without TensorFlow"
    with quiet_import():
        from serving.embedder import Embedder, checked_image  # noqa: PLC0415 - TensorFlow

    for path, content, _ in files:  # what is no image at all is refused before the model is loaded
        checked_image(path, content, _ANY_CHANNELS)
    embedder = Embedder(model.path)
    first, second = (embedder.see(*file) for file in files)
    return compare_images(first, second, model.pack), "the SavedModel, with TensorFlow"


def _compared_lightly(
    files: Sequence[_File],
    light: LightEmbedder,
    model: ChosenModel,
    point: OperatingPoint | None,
) -> Comparison | None:
    """The same without TensorFlow; None where it might be another verdict than the model's own."""
    try:
        first, second = (light.see(*file) for file in files)
    except NeedsTensorFlowError:
        return None
    pair = compare_images(first, second, model.pack)
    return pair if light.decides(pair.distance, point.threshold if point else None) else None


def _rate(measured: MeasuredWithIntervals, key: str) -> str:
    low, high = measured.intervals[key]
    limits = f"{low:.2g} to {high:.2g}" if is_known((low, high)) else "not known"
    return f"{key} {getattr(measured, key):.2g} (95 % interval {limits})"


def _state(point: OperatingPoint) -> str:
    return f"{point.state} ({point.shortcoming})" if point.shortcoming else point.state


def _said_of(pair: Comparison) -> list[str]:
    lines = [
        f"images    {image} is unlike the images this model was measured on: {'; '.join(reasons)}"
        for image, reasons in pair.unlike.items()
    ]
    if pair.is_one_image:
        lines.append("images    both have the very same pixels: an image is compared with itself")
    return lines


def _evidence(pair: Comparison, pack: ThresholdPack, prior: float) -> list[str]:
    """A line where the model has a calibration."""
    if not pack.calibration:
        return []
    if not pair.is_as_measured:
        return [
            "evidence  no probability: what a distance is worth was not measured on such images"
        ]
    llr = float(pack.calibration.llr(pair.distance))
    return [
        f"evidence  log-likelihood ratio {llr:+.2f} (natural): same person with probability "
        f"{posterior(llr, prior):.4f}, at a prior of {prior:g}"
    ]


def _landmarks(texts: Sequence[str], images: int) -> list[tuple[float, ...] | None]:
    """Those of each image, or None for all where none are given."""
    if not texts:
        return [None] * images
    if len(texts) != images:
        raise UserError(
            f"--landmarks is given {images} times, for each image in turn. Received: {len(texts)}"
        )
    return [points_of(text, "--landmarks") for text in texts]


def points_of(text: str, name: str) -> tuple[float, ...] | None:
    """Five points as ten numbers.

    Args:
      text: the numbers with commas or white space between.
      name: what the message calls it.

    Raises:
      UserError: it is something else.
    """
    cells = text.replace(",", " ").split()
    try:
        if len(cells) != len(LANDMARK_COLUMNS):
            raise GeometryError(f"landmarks: {len(cells)} numbers")
        return landmarks_of(cells)
    except GeometryError as error:
        raise UserError(
            f"{name} takes x and y of five points, ten numbers with commas. {error}"
        ) from None


def expanded(path: Path) -> Path:
    """With a home in place of `~`, for those who quote it.

    Raises:
      UserError: there is no such home.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"cannot read {path}: {error}") from None


def content_of(path: Path) -> bytes:
    """The content of an image file.

    Raises:
      UserError: it cannot be read.
    """
    try:
        return read_file(path)
    except UnreadableError as error:
        raise UserError(f"{path} is no usable image: {error}") from None


def print_line(line: str, stream: TextIO) -> None:
    """Prints a line; what the stream cannot encode of a file's name is escaped."""
    encoding = stream.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)

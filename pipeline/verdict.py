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
from faces.images.light.decode import NeedsTensorFlowError
from groundfloor.errors import UserError
from pipeline.image_files import content_of, expanded, given_landmarks
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel, choose_model
from serving.comparison import DEFAULT_DISTANCE, Comparison, compare_images
from serving.light import LightEmbedder, open_light
from serving.verdict import NOT_MEASURED, Verdict, remarks_on

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
    points = given_landmarks(landmarks, len(paths))
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
    verdict = Verdict(pair, pack, point, prior)
    measured = point.test
    return [
        f"distance  {pair.distance:.4f} ({pack.distance})",
        f"threshold {point.threshold:.4f} ({point.name} of model {version})",
        f"measured  {_rate(measured, 'FAR')} and {_rate(measured, 'FRR')} there, "
        f"on {measured.identities} test people: {_state(point)}",
        *_said_of(pair),
        *_evidence(verdict),
        # What the run printed when it pushed the model: the folder alone could have been rewritten.
        f"vouched   by {THRESHOLDS_FILE}, sha256 {pack.sha256[:12]}",
        "same person" if verdict.is_same else "different people",
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
    return [f"images    {remark}" for remark in remarks_on(pair)]


def _evidence(verdict: Verdict) -> list[str]:
    """A line where the model has a calibration."""
    if not verdict.pack.calibration:
        return []
    if verdict.llr is None:
        return [f"evidence  {NOT_MEASURED}"]
    return [
        f"evidence  log-likelihood ratio {verdict.llr:+.2f} (natural): same person with "
        f"probability {verdict.probability:.4f}, at a prior of {verdict.prior:g}"
    ]


def print_line(line: str, stream: TextIO) -> None:
    """Prints a line; what the stream cannot encode of a file's name is escaped."""
    encoding = stream.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream)

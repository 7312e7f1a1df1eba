"""What the values of a threshold pack can be: one that was edited or cut is not to be believed."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

# Where the distances end; float32 may round a little beyond.
_HIGHEST = {"cosine": 2.0, "euclidean": math.inf}
_ROUNDING = 1e-5
_NAME = re.compile(r"[a-z0-9_]{1,40}")  # of a folder: nothing that leads out of its own
_SHA256 = re.compile(r"[0-9a-f]{64}")


def impossible_values(pack: Any) -> Iterator[str]:
    """What in a `ThresholdPack` cannot be: the key and why, such as "Cllr: -1 is below 0".

    Types are not looked at: reading the pack has checked them.
    """
    if pack.distance not in _HIGHEST:
        yield f"distance: {pack.distance!r} is none of {', '.join(_HIGHEST)}"
        return
    highest = _HIGHEST[pack.distance]
    for name in ("model_sha256", "data_sha256"):
        if not _SHA256.fullmatch(getattr(pack, name)):
            yield f"{name}: it is no SHA-256 in hexadecimal"
    if not 0 < pack.protocol.dev_share < 1:
        yield f"protocol.dev_share: {pack.protocol.dev_share} is not between 0 and 1"
    if bool(pack.operating_points) == bool(pack.missing):
        yield "operating_points: they are there, or missing says why they are not"
    for index, point in enumerate(pack.operating_points):
        for reason in _wrong_with_point(point, highest):
            yield f"operating_points.{index}.{reason}"
    yield from _wrong_with_order(pack.operating_points)
    if pack.calibration:
        yield from _wrong_with_calibration(pack.calibration)
    for name, export in pack.exports.items():
        if not (_NAME.fullmatch(name) and _SHA256.fullmatch(export.sha256)):
            yield f"exports: {name!r}: {export.sha256!r} is no name and its SHA-256 in hexadecimal"
        if export.farthest < 0:
            yield f"exports: {name!r}: farthest: {export.farthest} is below 0"
    if pack.Cllr is not None and pack.Cllr < 0:
        yield f"Cllr: {pack.Cllr} is below 0"


def _wrong_with_point(point: Any, highest: float) -> Iterator[str]:
    if (point.name == "EER") != (point.target_far is None):
        yield f"target_far: {point.target_far} is not that of {point.name}"
    if point.target_far is not None and not 0 < point.target_far < 1:
        yield f"target_far: {point.target_far} is not between 0 and 1"
    if not _is_distance(point.threshold, highest):
        yield f"threshold: {point.threshold} is no distance, which are from 0 to {highest:g}"
    if point.interval and point.interval[0] > point.interval[1]:
        yield f"interval: {point.interval[0]} to {point.interval[1]} is no interval"
    for part in ("dev", "test"):
        for reason in _wrong_with_rates(getattr(point, part)):
            yield f"{part}.{reason}"


def _is_distance(value: float, highest: float) -> bool:
    return -_ROUNDING <= value <= highest + _ROUNDING


def _wrong_with_rates(measured: Any) -> Iterator[str]:
    """Rates are those of their counts, and within their intervals."""
    counts = {
        "FAR": (measured.false_accepts, measured.impostor_pairs),
        "FRR": (measured.false_rejects, measured.genuine_pairs),
    }
    for name, (errors, pairs) in counts.items():
        rate = getattr(measured, name)
        if not 0 <= rate <= 1:
            yield f"{name}: {rate} is no rate, which are from 0 to 1"
        elif not 0 <= errors <= pairs or pairs < 1:
            yield f"{name}: {errors} errors in {pairs} pairs cannot be"
        elif not math.isclose(rate, errors / pairs, abs_tol=1e-9):
            yield f"{name}: {rate} is not {errors} errors in {pairs} pairs"
    if not 1 <= measured.identities <= measured.images:
        yield f"identities: {measured.identities} people in {measured.images} images cannot be"
    for name, (low, high) in getattr(measured, "intervals", {}).items():
        rate = getattr(measured, name, math.nan)
        if not 0 <= low <= rate + 1e-9 or not rate - 1e-9 <= high <= 1:
            yield f"intervals.{name}: {low} to {high} does not hold {rate}"


def _wrong_with_order(points: Sequence[Any]) -> Iterator[str]:
    """Each name once, and more is accepted where more may be, among those chosen in one way."""
    names = [point.name for point in points]
    if len(set(names)) < len(names):
        yield "operating_points: two of them have one name"
    for state in {point.state for point in points}:
        alike = [point for point in points if point.target_far and point.state == state]
        thresholds = [
            point.threshold for point in sorted(alike, key=lambda point: point.target_far)
        ]
        if thresholds != sorted(thresholds):
            yield "operating_points: a threshold of a higher FAR is below that of a lower one"


def _wrong_with_calibration(calibration: Any) -> Iterator[str]:
    values = (*calibration.distances, *calibration.log_likelihood_ratios)
    if not all(map(math.isfinite, values)):
        yield "calibration: it holds a value that is no finite number"

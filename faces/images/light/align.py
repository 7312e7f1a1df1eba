"""What `images.align` does: from five landmarks to the face at its place in the network's input."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faces.images.formats import BadImageError
from faces.images.light.resize import scale_and_translate, to_levels
from faces.images.template import (
    HALF,
    LEAST_LIKENESS,
    LEAST_SPREAD,
    NO_NUMBERS,
    NOT_A_FACE,
    OUTSIDE,
    TEMPLATE_SIDE,
    TOO_NEAR,
    template_for,
)
from faces.reasons import NO_FACE


class Fit(NamedTuple):
    """As `align.Fit`, of one face."""

    turn: complex
    shift: complex
    centre: complex
    spread: float
    likeness: float


def fit_template(landmarks: Sequence[float], height: int, width: int) -> Fit:
    """As `align.fit_template`, of ten numbers."""
    target = template_for(height, width) @ [1, 1j]
    values = np.asarray(landmarks, np.float64)
    points = values[0::2] + 1j * values[1::2]
    centre, target_centre = points.mean(), target.mean()
    p, q = points - centre, target - target_centre
    extent, target_extent = _squares(p), _squares(q)
    product = np.sum(q * np.conj(p))
    turn = product / extent if extent > 0 else 0j
    both = extent * target_extent
    return Fit(
        turn=turn,
        shift=target_centre - turn * centre,
        centre=centre,
        spread=float(np.sqrt(extent / len(points))),
        likeness=float(np.abs(product) ** 2 / both) if both > 0 else 0.0,
    )


def require_face(landmarks: Sequence[float], height: int, width: int) -> None:
    """As `align.require_face`.

    Raises:
      BadImageError: the landmarks are of no face.
    """
    fit = fit_template(landmarks, TEMPLATE_SIDE, TEMPLATE_SIDE)
    x, y = fit.centre.real, fit.centre.imag
    flaws = {
        NO_NUMBERS: not np.isfinite(fit.spread),
        TOO_NEAR: fit.spread < LEAST_SPREAD,
        NOT_A_FACE: fit.likeness < LEAST_LIKENESS,
        OUTSIDE: not (-0.5 < x < width - 0.5 and -0.5 < y < height - 0.5),
    }
    for reason, has_it in flaws.items():
        if has_it:
            raise BadImageError(reason, NO_FACE)


def warp(image: NDArray[np.uint8], fit: Fit, height: int, width: int) -> NDArray[np.uint8]:
    """As `align.warp`: uint8 [H, W, C] to [height, width, C]."""
    turn, shift = 1 / fit.turn, -fit.shift / fit.turn  # from the template to the image
    factor = max(abs(turn), 1.0)
    corners = turn * (np.array([0, width, height * 1j, width + height * 1j]) - HALF) + shift
    size = np.array(image.shape[:2], np.float64)
    places = np.stack([corners.imag, corners.real], axis=1) + 0.5
    start = np.floor(np.clip(places.min(axis=0) - 2 * factor, 0, size))
    end = np.ceil(np.clip(places.max(axis=0) + 2 * factor, 0, size))
    part = _shrunk(image, start, end, factor)
    origin = complex(start[1], start[0])
    turn, shift = turn / factor, (shift + HALF - origin) / factor - HALF
    return to_levels(_moved(part, turn, shift, height, width))


def _shrunk(
    image: NDArray[np.uint8], start: NDArray[np.float64], end: NDArray[np.float64], factor: float
) -> NDArray[np.float32]:
    rows, columns = np.maximum(np.ceil((end - start) / factor).astype(np.int32), 1)
    scale = np.array([1 / factor] * 2, np.float32)
    return scale_and_translate(
        image, (int(rows), int(columns)), scale, (-start / factor).astype(np.float32)
    )


def _moved(
    image: NDArray[np.float32], turn: complex, shift: complex, height: int, width: int
) -> NDArray[np.float32]:
    """As TensorFlow's ImageProjectiveTransformV3, bilinear, with 0 where there is no image."""
    a, b, x, y = np.array([turn.real, turn.imag, shift.real, shift.imag], np.float32)
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    across = a * columns + -b * rows + x
    down = b * columns + a * rows + y
    left, top = np.floor(across), np.floor(down)
    right, bottom = left + 1, top + 1
    above = _mixed(image, top, left, right, across)
    below = _mixed(image, bottom, left, right, across)
    return (bottom - down)[..., np.newaxis] * above + (down - top)[..., np.newaxis] * below


def _mixed(
    image: NDArray[np.float32],
    rows: NDArray[np.float32],
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    across: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Between two columns in each of some rows."""
    near, far = _read(image, rows, left), _read(image, rows, right)
    return (right - across)[..., np.newaxis] * near + (across - left)[..., np.newaxis] * far


def _read(
    image: NDArray[np.float32], rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    is_inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    row = np.clip(rows, 0, height - 1).astype(np.int64)
    column = np.clip(columns, 0, width - 1).astype(np.int64)
    return np.where(is_inside[..., np.newaxis], image[row, column], np.float32(0))


def _squares(points: NDArray[np.complex128]) -> float:
    return float(np.sum(np.abs(points) ** 2))

"""Where a face is in an image, as the cells of a table or the numbers of an example say it."""

import math
import re
from collections.abc import Sequence

# One column for each number, in the order of `contract.LANDMARKS`.
LANDMARK_COLUMNS = tuple(f"{axis}{point}" for point in range(1, 6) for axis in "xy")

# Far beyond any image; what is larger is no pixel.
_MOST = 1e6
_BETWEEN = re.compile(r"[\s,;]+")


class GeometryError(Exception):
    """Cells say no landmarks or no box; the message is why."""


def landmarks_of(cells: Sequence[str]) -> tuple[float, ...] | None:
    """Ten numbers, or None where all cells are empty.

    Args:
      cells: of `LANDMARK_COLUMNS`, in their order.

    Raises:
      GeometryError: some are empty, or no number of pixels; or two of the points are one.
    """
    if not any(cells):
        return None
    if not all(cells):
        raise GeometryError(f"landmarks: {LANDMARK_COLUMNS[list(cells).index('')]} is empty")
    return checked_landmarks(
        [_pixels(name, cell) for name, cell in zip(LANDMARK_COLUMNS, cells, strict=True)]
    )


def landmarks_in(text: str) -> tuple[float, ...]:
    """The ten numbers of a text, with commas or white space between.

    Raises:
      GeometryError: they are not ten, see `landmarks_of`.
    """
    cells = text.replace(",", " ").split()
    landmarks = landmarks_of(cells) if len(cells) == len(LANDMARK_COLUMNS) else None
    if landmarks is None:
        raise GeometryError(f"landmarks: {len(cells)} numbers")
    return landmarks


def box_of(cell: str) -> tuple[float, ...] | None:
    """Left, top, right and bottom, or None where the cell is empty.

    Args:
      cell: the four numbers with white space, commas or semicolons between; perhaps in brackets.

    Raises:
      GeometryError: these are not four numbers of pixels, or what they bound is empty.
    """
    if not cell:
        return None
    inner = cell[1:-1] if (cell[0], cell[-1]) in {("[", "]"), ("(", ")")} else cell
    return checked_box([_pixels("box", part) for part in _BETWEEN.split(inner.strip())])


def checked_landmarks(numbers: Sequence[float]) -> tuple[float, ...] | None:
    """Ten numbers, or None where there are none.

    Raises:
      GeometryError: they are not ten numbers of pixels, or two of the points are one.
    """
    if not numbers:
        return None
    if len(numbers) != len(LANDMARK_COLUMNS):
        raise GeometryError(f"landmarks: {len(numbers)} numbers, not x and y of five points")
    _require_pixels("landmarks", numbers)
    if len(set(zip(numbers[::2], numbers[1::2], strict=True))) < 5:
        raise GeometryError("landmarks: two of the five points are one")
    return tuple(numbers)


def checked_box(numbers: Sequence[float]) -> tuple[float, ...] | None:
    """Left, top, right and bottom, or None where there are none.

    Raises:
      GeometryError: they are not four numbers of pixels, or what they bound is empty.
    """
    if not numbers:
        return None
    if len(numbers) != 4:
        raise GeometryError(f"box: {len(numbers)} numbers, not left, top, right and bottom")
    _require_pixels("box", numbers)
    left, top, right, bottom = numbers
    if left >= right or top >= bottom:
        raise GeometryError("box: right must be above left, and bottom above top")
    return tuple(numbers)


def _pixels(name: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not _is_pixels(number):
        raise GeometryError(f"{name}: no number of pixels: {cell[:20]!r}")
    return number


def _require_pixels(name: str, numbers: Sequence[float]) -> None:
    for number in numbers:
        if not _is_pixels(number):
            raise GeometryError(f"{name}: no number of pixels: {number!r}")


def _is_pixels(number: float) -> bool:
    return abs(number) <= _MOST  # which NaN fails

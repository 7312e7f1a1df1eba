"""What `decode.RESIZE_MODES` do: bilinear and antialiased, as TensorFlow's ScaleAndTranslate.

The arithmetic is its own, number by number in float32: spans and weights of source pixels for each
row and column of the result, rows first, each span summed from its start.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

_SINGLE = np.float32
# A sum of weights below this is none: no source pixel is near.
_LEAST_SUM = 1000 * np.finfo(np.float32).tiny


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """As `decode.resize_image`: uint8 [H, W, C] to [height, width, C]."""
    if image.shape[:2] == (height, width):
        return image
    sizes = np.array([height, width], _SINGLE)
    scale = np.divide(sizes, image.shape[:2], dtype=_SINGLE)
    return to_levels(scale_and_translate(image, (height, width), scale, np.zeros(2, _SINGLE)))


def to_levels(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounds to uint8."""
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def crop_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """As `decode.crop_image`."""
    rows, columns = image.shape[:2]
    kept_rows = min(max(round(columns * height / width), 1), rows)
    kept_columns = min(max(round(rows * width / height), 1), columns)
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    part = image[top : top + kept_rows, left : left + kept_columns]
    return resize_image(part, height, width)


def pad_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """As `decode.pad_image`."""
    rows, columns = image.shape[:2]
    scale = min(height / rows, width / columns)
    new_rows = min(max(round(rows * scale), 1), height)
    new_columns = min(max(round(columns * scale), 1), width)
    top, left = (height - new_rows) // 2, (width - new_columns) // 2
    padded = np.zeros((height, width, image.shape[2]), np.uint8)
    resized = resize_image(image, new_rows, new_columns)
    padded[top : top + new_rows, left : left + new_columns] = resized
    return padded


# As `decode.RESIZE_MODES`.
RESIZE_MODES: Mapping[str, Callable[[NDArray[np.uint8], int, int], NDArray[np.uint8]]] = {
    "stretch": resize_image,
    "crop": crop_image,
    "pad": pad_image,
}


def scale_and_translate(
    image: NDArray[np.uint8],
    size: tuple[int, int],
    scale: NDArray[np.float32],
    translation: NDArray[np.float32],
) -> NDArray[np.float32]:
    """TensorFlow's operation of this name, with its triangle kernel and antialiasing.

    Args:
      image: uint8 [H, W, C].
      size: height and width of the result.
      scale: of each axis, float32 [2], above 0.
      translation: likewise, in pixels of the result.

    Returns:
      float32 [height, width, C]; 0 where a pixel is outside of the image.
    """
    rows = _gathered(image, *_spans(size[0], image.shape[0], scale[0], translation[0]))
    columns = _spans(size[1], image.shape[1], scale[1], translation[1])
    return _gathered(rows.swapaxes(0, 1), *columns).swapaxes(0, 1)


def _spans(
    outputs: int, inputs: int, scale: np.float32, translation: np.float32
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each output the first input that has a part in it, [N]; and the weights, [N, most]."""
    inverse = _SINGLE(1 / float(scale))
    radius = max(inverse, _SINGLE(1))  # of a triangle of 1, where the image shrinks
    centres = (np.arange(outputs, dtype=_SINGLE) + _SINGLE(0.5)) * inverse + -inverse * translation
    is_inside = (centres >= 0) & (centres <= inputs)
    first = np.clip(np.ceil(centres - radius - _SINGLE(0.5)), 0, inputs - 1).astype(np.int64)
    last = np.clip(np.floor(centres + radius - _SINGLE(0.5)), 0, inputs - 1).astype(np.int64)
    places = np.arange((last - first).max() + 1)
    sources = first[:, np.newaxis] + places
    away = np.abs(sources.astype(_SINGLE) + _SINGLE(0.5) - centres[:, np.newaxis])
    weights = np.maximum(_SINGLE(1) - away * (_SINGLE(1) / radius), _SINGLE(0))
    weights[(sources > last[:, np.newaxis]) | ~is_inside[:, np.newaxis]] = 0
    total = _summed(weights.T)
    is_any = total >= _LEAST_SUM
    factor = np.divide(_SINGLE(1), total, out=np.zeros_like(total), where=is_any)
    return np.where(is_inside, first, 0), weights * factor[:, np.newaxis]


def _summed(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum over the first axis, one after the other: NumPy's own adds in pairs."""
    total = np.zeros(rows.shape[1:], _SINGLE)
    for row in rows:
        total += row
    return total


def _gathered(
    image: NDArray[np.uint8] | NDArray[np.float32],
    first: NDArray[np.int64],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The weighted sums of rows, float32 [N, ...] of an image [H, ...]."""
    total = np.zeros((len(first), *image.shape[1:]), _SINGLE)
    for place in range(weights.shape[1]):
        rows = image[np.minimum(first + place, len(image) - 1)].astype(_SINGLE, copy=False)
        total += weights[:, place, np.newaxis, np.newaxis] * rows
    return total

"""The pixels that `decode_image` makes of what `encode_image` makes of a file."""

import io

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from faces.images.agreement import PASSED_THROUGH, is_picture, require_checksums
from faces.images.formats import ALLOWED, BadImageError, open_image
from faces.images.picture import orientation_of, picture_of
from faces.images.plain_jpeg import has_plain_colours, is_plain_jpeg

# How libpng makes grey of red, green and blue, in parts of 2^15; the rest of a division is dropped.
_PNG_GREY = np.array([9_797, 19_234, 3_737], np.uint32)
_PNG_GREY_BITS = 15
# Where in a PNG the bits of a sample are.
_PNG_DEPTH = 24

# Pillow's modes of grey images, maybe with alpha.
_GREY = frozenset({"1", "L", "LA"})
_SIXTEEN_BITS = frozenset({"I", "I;16", "I;16B", "I;16L"})
# By Adobe's marker: a JPEG's colours are stored as luma and chroma.
_YCC = 1


class NeedsTensorFlowError(Exception):
    """It is not known that the pixels would be TensorFlow's; nothing is said against the image."""


def decode_file(data: bytes, max_pixels: int, channels: int) -> np.ndarray:
    """What the preprocessing of a model begins with.

    Args:
      data: an image file of any format that the pipeline reads.
      max_pixels: see `encode_image`.
      channels: 1 or 3.

    Returns:
      uint8 [height, width, channels].

    Raises:
      BadImageError: as `encode_image`.
      NeedsTensorFlowError: it has to be decoded by `encode_image`.
    """
    image = open_image(data, max_pixels)
    kind = PASSED_THROUGH.get(image.format or "")
    is_plain = is_plain_jpeg(image, data, channels)
    if kind == "png":
        require_checksums(data, max_pixels)
    try:
        shown, transparent = picture_of(image, data, max_pixels)
    except BadImageError:
        if is_plain:  # then it counts whether TensorFlow decodes it
            raise NeedsTensorFlowError from None
        raise
    if kind and not transparent and orientation_of(image) == 1:
        stored = _stored(image, data, channels)
        if is_picture(stored, shown, kind):
            return stored
    return _with_channels(np.asarray(shown), channels)


def _stored(image: Image.Image, data: bytes, channels: int) -> np.ndarray:
    """What TensorFlow decodes a JPEG or PNG to, which knows of no profile, gamma or alpha."""
    if isinstance(image, JpegImageFile):
        return _stored_jpeg(image, data, channels)
    return _stored_png(image, data, channels)


def _stored_jpeg(image: JpegImageFile, data: bytes, channels: int) -> np.ndarray:
    if image.info.get("adobe_transform", _YCC) != _YCC or not has_plain_colours(image, 3):
        raise NeedsTensorFlowError
    if image.mode == "RGB" and channels == 1:
        luma = Image.open(io.BytesIO(data), formats=ALLOWED)
        luma.draft("L", luma.size)
        return np.asarray(luma)[..., np.newaxis]
    return _with_channels(np.asarray(image), channels)


def _stored_png(image: Image.Image, data: bytes, channels: int) -> np.ndarray:
    if image.mode in _SIXTEEN_BITS:
        return _with_channels((np.asarray(image) >> 8).astype(np.uint8), channels)
    if image.mode in _GREY:
        return _with_channels(np.asarray(image.convert("L")), channels)
    # libpng makes grey of all 16 bits of a colour, and of the light that the colour stands for.
    if channels == 1 and (data[_PNG_DEPTH] > 8 or "gamma" in image.info):
        raise NeedsTensorFlowError
    return _with_channels(np.asarray(image.convert("RGB")), channels)


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Grey [h, w] or colours [h, w, 3] with so many channels, as libpng converts them."""
    if pixels.ndim == 2:
        return np.repeat(pixels[..., np.newaxis], channels, axis=2)
    if channels == 3:
        return pixels
    grey = (pixels.astype(np.uint32) @ _PNG_GREY) >> _PNG_GREY_BITS
    return grey.astype(np.uint8)[..., np.newaxis]

"""From a file's bytes to an image that TensorFlow decodes, or the reason why there is none."""

import io
from dataclasses import dataclass

import tensorflow as tf
from PIL import Image, ImageOps, UnidentifiedImageError

from components.transform.images import decode_image

# A file larger than this is not read into memory at all.
MAX_FILE_BYTES = 512 * 2**20

# What TensorFlow decodes, by Pillow's name for it; MPO is a JPEG followed by further pictures.
_PASSED_THROUGH = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png"}
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = 1


class BadImageError(Exception):
    """The bytes are no usable image; the message is the reason, in a few words."""


@dataclass(frozen=True)
class EncodedImage:
    """An upright image that `decode_image` is known to decode.

    Attributes:
      encoded: JPEG or PNG bytes.
      format: "jpeg" or "png".
      height: in pixels.
      width: in pixels.
    """

    encoded: bytes
    format: str
    height: int
    width: int


def encode_image(data: bytes, max_pixels: int) -> EncodedImage:
    """Makes an image file into one that TensorFlow decodes as it is meant to be seen.

    JPEG and PNG bytes pass through untouched. Every other format that Pillow reads, and an image
    that its EXIF orientation turns or mirrors (TensorFlow ignores that tag), is written anew as
    PNG, which loses nothing. Of an animation, the first frame counts.

    Args:
      data: the file's bytes.
      max_pixels: width times height above which the image is refused before it is decoded.

    Raises:
      BadImageError: no image, truncated or broken, or over `max_pixels`.
    """
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise BadImageError(f"{width}x{height} pixels, over the limit of {max_pixels}")
    upright = _orientation(image) == _UPRIGHT
    if upright and image.format in _PASSED_THROUGH:
        _require_decodable(data, image)
        return EncodedImage(data, _PASSED_THROUGH[image.format], height, width)
    return _as_png(image)


def _open(data: bytes) -> Image.Image:
    if not data:
        raise BadImageError("empty file")
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        raise BadImageError("not an image in a known format") from None
    except Image.DecompressionBombError as error:
        raise BadImageError(f"over the pixel limit: {error}") from None
    except Exception as error:  # Pillow's plugins raise whatever broken headers make them raise
        raise BadImageError(f"broken header: {error}") from None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; anything else, or unreadable EXIF, is upright."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, _UPRIGHT)
    except Exception:  # broken EXIF beside good pixels is no reason to refuse them
        return _UPRIGHT
    return orientation if orientation in range(1, 9) else _UPRIGHT


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # Pillow's plugins raise whatever broken data make them raise
        raise BadImageError(f"broken data: {error}") from None


def _require_decodable(data: bytes, image: Image.Image) -> None:
    """Decodes with the decoder that every later step uses, so that none of them can stumble."""
    try:
        decode_image(tf.constant(data), channels=3)
    except tf.errors.OpError as error:
        _load(image)  # Pillow's reason is the more readable one, where it has one
        reason = error.message.partition(" [Op:")[0]
        raise BadImageError(f"TensorFlow cannot decode it: {reason}") from None


def _as_png(image: Image.Image) -> EncodedImage:
    _load(image)
    if image.mode == "F":
        raise BadImageError("32-bit float pixels, whose range is not defined")
    upright = ImageOps.exif_transpose(image)
    if upright.mode not in _PNG_MODES:
        upright = upright.convert("RGB")
    buffer = io.BytesIO()
    upright.save(buffer, format="PNG", compress_level=1, exif=b"")
    return EncodedImage(buffer.getvalue(), "png", upright.height, upright.width)

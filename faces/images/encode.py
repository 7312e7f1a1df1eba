"""From a file's bytes to an image that TensorFlow decodes, or the reason why there is none."""

import hashlib
import io
from dataclasses import dataclass

import imagehash
import numpy as np
import tensorflow as tf
from PIL import Image

from faces.images.agreement import PASSED_THROUGH, is_picture, require_checksums
from faces.images.align import require_box, require_face
from faces.images.decode import decode_image
from faces.images.formats import open_image
from faces.images.picture import orientation_of, picture_of
from faces.images.plain_jpeg import is_plain_jpeg
from faces.record import Record

# What ImageHash's `phash` shrinks an image to.
_HASHED_SIZE = (32, 32)


@dataclass(frozen=True)
class EncodedImage:
    """An upright image that `decode_image` is known to decode to what a viewer shows.

    Attributes:
      encoded: JPEG or PNG bytes.
      format: "jpeg" or "png".
      height: in pixels.
      width: in pixels.
      pixels_sha256: of the decoded pixels and their shape; equal pictures have equal ones.
      is_flat: whether all pixels are equal.
      is_grey: whether the picture has no colour, whatever channels are decoded.
      phash: 64 bits that are nearly the same for nearly equal pictures: ImageHash's `phash`.
    """

    encoded: bytes
    format: str
    height: int
    width: int
    pixels_sha256: str
    is_flat: bool
    is_grey: bool
    phash: int


def encode_image(data: bytes, max_pixels: int, channels: int) -> EncodedImage:
    """Makes an image file into one that TensorFlow decodes to what an image viewer shows.

    JPEG and PNG bytes that TensorFlow decodes to that picture pass through untouched. Everything
    else is written anew as a PNG of 8 bits: other formats, what has transparent parts, is turned by
    its EXIF orientation (TensorFlow ignores both) or has a colour profile that matters. All but
    plain JPEGs are decoded by Pillow, too, to see that it is so.

    Args:
      data: the file's bytes.
      max_pixels: width times height above which the image is refused before it is decoded.
      channels: of the model, 1 or 3: with them `decode_image` will be called.

    Raises:
      BadImageError: no image, truncated or broken, over `max_pixels`, of a format that is not
        read, or with pixels whose look is not defined.
    """
    image = open_image(data, max_pixels)
    return _plain(image, data, channels) or _compared(image, data, max_pixels, channels)


def _plain(image: Image.Image, data: bytes, channels: int) -> EncodedImage | None:
    """A plain JPEG; None if it is another image, or one of which Pillow has to say what it is."""
    if not is_plain_jpeg(image, data, channels):
        return None
    pixels = _decoded(data, channels)
    if pixels is None or pixels.shape[:2] != (image.height, image.width):
        return None
    return _describe(data, "jpeg", pixels, pixels)


def _compared(image: Image.Image, data: bytes, max_pixels: int, channels: int) -> EncodedImage:
    """Any image; its bytes as they are where TensorFlow and Pillow agree in what they show."""
    kind = PASSED_THROUGH.get(image.format or "")
    if kind == "png":
        require_checksums(data, max_pixels)
    shown, transparent = picture_of(image, data, max_pixels)
    if kind and not transparent and orientation_of(image) == 1:
        pixels = _decoded(data, channels)
        if pixels is not None and is_picture(pixels, shown, kind):
            return _describe(data, kind, pixels, np.asarray(shown))
    png = _as_png(shown)
    pixels = decode_image(tf.constant(png), channels).numpy()
    return _describe(png, "png", pixels, np.asarray(shown))


def encode_record(record: Record, data: bytes, max_pixels: int, channels: int) -> EncodedImage:
    """The same of a source's image, with what the source says of the face in it.

    Raises:
      BadImageError: see `encode_image`, `align.require_face` and `align.require_box`.
    """
    image = encode_image(data, max_pixels, channels)
    if record.landmarks is not None:
        require_face(record.landmarks, image.height, image.width)
    if record.box is not None:
        require_box(record.box, image.height, image.width)
    return image


def _decoded(data: bytes, channels: int) -> np.ndarray | None:
    """uint8 [height, width, channels] as every later step has it; None if TensorFlow cannot."""
    try:
        return decode_image(tf.constant(data), channels).numpy()
    except tf.errors.OpError:
        return None


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1, icc_profile=None, exif=b"")
    return buffer.getvalue()


def _is_flat(pixels: np.ndarray) -> bool:
    """Most pictures are known not to be by their first row."""
    first = pixels[0, 0]
    return bool((pixels[0] == first).all() and (pixels == first).all())


def _phash(pixels: np.ndarray) -> int:
    """ImageHash's, of 32x32 pixels; of a large image these are made in two steps, as it shrinks."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("L")
    small = image.resize(_HASHED_SIZE, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return int.from_bytes(np.packbits(imagehash.phash(small).hash).tobytes())


def _describe(encoded: bytes, kind: str, pixels: np.ndarray, shown: np.ndarray) -> EncodedImage:
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(repr(pixels.shape).encode() + b"\0")
    digest.update(np.ascontiguousarray(pixels).data)
    return EncodedImage(
        encoded,
        kind,
        height,
        width,
        digest.hexdigest(),
        is_flat=_is_flat(pixels),
        is_grey=_is_grey(shown),
        phash=_phash(pixels),
    )


def _is_grey(shown: np.ndarray) -> bool:
    """Most pictures that have colour are known to by their first row."""
    return shown.ndim == 2 or (_is_grey_throughout(shown[:1]) and _is_grey_throughout(shown))


def _is_grey_throughout(shown: np.ndarray) -> bool:
    return all(np.array_equal(shown[..., 0], shown[..., band]) for band in range(1, shown.shape[2]))

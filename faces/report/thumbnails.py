"""Small pictures for a page, as addresses that hold them; whatever a file holds, within bounds."""

import base64
import io
import threading

from PIL import Image, ImageFile

from faces.images.formats import BadImageError, open_image
from faces.reasons import BAD_NAME, BROKEN, NO_FACE, TRUNCATED, UNDEFINED

SIDE = 112
# Above it nothing is decoded for a thumbnail, whatever `data.max_pixels` is.
MAX_PIXELS = 25_000_000
MAX_BYTES = 32 * 2**20

# What may hold a part that can be shown. The others are not there, refused, or no pictures; what is
# too large would have to be decoded to be shown.
SHOWABLE = frozenset({BROKEN, TRUNCATED, UNDEFINED, BAD_NAME, NO_FACE})

_QUALITY = 75
# Pillow has one switch for the process.
_lenient = threading.Lock()


def address_of(data: bytes) -> str | None:
    """As much of an image as can be decoded, as a `data:image/jpeg` address; None if nothing can.

    Args:
      data: the file's bytes, whatever they are.
    """
    if len(data) > MAX_BYTES:
        return None
    try:
        return _address(_decoded(open_image(data, MAX_PIXELS)))
    except BadImageError:
        return None
    except Exception:  # Pillow's plugins raise whatever broken data make them raise
        return None


def _decoded(image: Image.Image) -> Image.Image:
    image.draft("RGB", (2 * SIDE, 2 * SIDE))
    with _lenient:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            image.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
    if image.mode in ("F", "I"):
        raise BadImageError("what is white in it is not defined", UNDEFINED)
    return image.convert("RGB")


def _address(image: Image.Image) -> str:
    image.thumbnail((SIDE, SIDE))
    image.info = {}  # comments, profiles and EXIF would come along
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")

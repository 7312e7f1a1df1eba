"""Whether the bytes of a file show to their decoder the picture that a viewer shows."""

import numpy as np
from PIL import Image

from faces.images.formats import broken, open_image

# What TensorFlow decodes, by Pillow's name for it; MPO is a JPEG followed by further pictures.
PASSED_THROUGH = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png"}

# Levels of 0..255 by which one picture differs where TensorFlow decodes it from where Pillow does:
# grey is made from a JPEG's colours in two ways (the mean), and from a PNG's (the most).
_JPEG_MEAN = 2.0
_PNG_MOST = 1


def require_checksums(data: bytes, max_pixels: int) -> None:
    """Pillow shows pixels of a PNG whose checksum is wrong; other viewers, and TensorFlow, do not.

    Raises:
      BadImageError: one is wrong.
    """
    try:
        open_image(data, max_pixels).verify()
    except Exception as error:  # Pillow's plugins raise whatever broken data make them raise
        raise broken(error) from None


def is_picture(pixels: np.ndarray, shown: Image.Image, kind: str) -> bool:
    """Whether decoded pixels are the picture, up to the rounding of decoders of the kind.

    Args:
      pixels: uint8 [height, width, channels].
      shown: what a viewer shows, of mode L or RGB.
      kind: of `PASSED_THROUGH`.
    """
    if pixels.shape[:2] != (shown.height, shown.width):
        return False
    mode = "L" if pixels.shape[-1] == 1 else "RGB"
    levels = np.asarray(shown if shown.mode == mode else shown.convert(mode)).reshape(pixels.shape)
    difference = np.maximum(pixels, levels) - np.minimum(pixels, levels)
    if kind == "jpeg":
        return float(channel_means(difference).max()) <= _JPEG_MEAN
    return int(difference.max()) <= _PNG_MOST


def channel_means(levels: np.ndarray) -> np.ndarray:
    """The mean of each channel, of [height, width, channels]; rows first: a tenth of the time."""
    height, width = levels.shape[:2]
    return levels.sum(axis=0, dtype=np.uint32).sum(axis=0, dtype=np.uint64) / (height * width)

"""JPEGs that are known to look alike, to the last bit, wherever libjpeg decodes them.

TensorFlow and Pillow both decode by libjpeg-turbo, with the same transform (`decode_image`). What
tells them apart is what they make of a file's further markers, and of one that ends too early. A
plain JPEG has nothing of the kind: to decode it by both and to compare would find nothing.
"""

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from faces.images.picture import START_OF_SCAN, orientation_of

# What changes the colours, or has the picture come in passes that may not be complete.
_NOT_PLAIN = frozenset({"adobe", "icc_profile", "progressive"})
_END_OF_IMAGE = b"\xff\xd9"

# Luma and chroma as JFIF numbers them, and how many samples of luma, across and down, share a
# sample of chroma: in TensorFlow's libjpeg and in Pillow's, the same code interpolates it.
_YCBCR = (1, 2, 3)
_LUMA_SAMPLES = ((1, 1), (2, 1), (2, 2))


def is_plain_jpeg(image: Image.Image, data: bytes, channels: int) -> bool:
    """Whether `decode_image` shows, if it can decode it, what `picture.picture_of` would show.

    Args:
      image: as `open_image` gives it for `data`; it is not loaded.
      data: the file's bytes.
      channels: that `decode_image` is called with.
    """
    return (
        isinstance(image, JpegImageFile)
        and image.format == "JPEG"
        and not _NOT_PLAIN & image.info.keys()
        and has_plain_colours(image, channels)
        and data.endswith(_END_OF_IMAGE)
        and _scans(image, data) == 1
        and orientation_of(image) == 1
    )


def has_plain_colours(image: JpegImageFile, channels: int) -> bool:
    """Whether no colours are converted that the two convert in their own ways."""
    if image.mode == "L":
        return True
    numbers, across, down, _ = zip(*image.layer, strict=True)
    samples = list(zip(across, down, strict=True))
    return (
        channels == 3
        and image.mode == "RGB"
        and numbers == _YCBCR
        and samples[0] in _LUMA_SAMPLES
        and samples[1:] == [(1, 1), (1, 1)]
    )


def _scans(image: JpegImageFile, data: bytes) -> int:
    """Those of the picture, without the thumbnail's that a camera adds."""
    return data.count(START_OF_SCAN) - image.info.get("exif", b"").count(START_OF_SCAN)

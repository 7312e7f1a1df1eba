"""From an opened image file to the picture that a viewer shows: 8 bits, upright, on white."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, TiffImagePlugin

from faces.images.formats import BadImageError, broken
from faces.reasons import NOT_READ, TOO_LARGE, UNDEFINED

_EIGHT_BITS = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK"})
_SIXTEEN_BITS = frozenset({"I;16", "I;16L", "I;16B"})
_PROFILED_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}

# Gammas this near to sRGB's, about 1 / 2.2, are not told apart by eye.
_SRGB_GAMMA = 1 / 2.2
_GAMMA_TOLERANCE = 0.05

_FROM_EXIF = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# ITU-T T.81: what begins a scan. Encoders write about ten; each costs the decoding of the image.
START_OF_SCAN = b"\xff\xda"
_MAX_SCANS = 100

# ITU-T T.800: how a codestream begins, and where therein the number of components is, followed by
# three bytes of each, the first of which is its number of bits less one.
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_JPEG_2000_COMPONENTS = 40

# TIFF's tags (TIFF 6.0; 50706 is DNG's), and values of them.
_SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 258, 259, 262
_PLANAR, _COLOR_MAP, _TILE_WIDTH, _TILE_LENGTH, _SAMPLE_FORMAT = 284, 320, 322, 323, 339
_DNG_VERSION = 50706
_UNCOMPRESSED, _WHITE_IS_ZERO, _YCBCR, _SEPARATE_PLANES, _SIGNED = 1, 0, 6, 2, 2


def picture_of(image: Image.Image, data: bytes, max_pixels: int) -> tuple[Image.Image, bool]:
    """The picture as a viewer shows it.

    - Samples of more than 8 bits keep their highest 8.
    - What is transparent shows white, whatever colour is hidden there.
    - A colour profile (ICC), or else a PNG's gamma, is applied: the result is sRGB.
    - The EXIF orientation is applied.
    - Of several pictures, or of an animation, the first one counts.

    Args:
      image: as `open_image` gives it for `data`; it is loaded.
      data: the file's bytes.
      max_pixels: width times height of what a decoder may unpack at once.

    Returns:
      The picture, of mode L or RGB, and whether anything in it is transparent.

    Raises:
      BadImageError: broken data, or pixels whose look is not defined.
    """
    try:
        return _picture_of(image, data, max_pixels)
    except BadImageError:
        raise
    except Exception as error:  # Pillow raises whatever broken data make it raise
        raise broken(error) from None


def _picture_of(image: Image.Image, data: bytes, max_pixels: int) -> tuple[Image.Image, bool]:
    if image.format in _CHECKS:
        _CHECKS[image.format](image, data, max_pixels)
    image.load()
    opaque, alpha = _split_alpha(_eight_bits(image))
    shown = _in_srgb(opaque, image.info)
    transparent = False
    if alpha is not None and _has_transparent_pixels(alpha, image.format):
        transparent = True
        shown = Image.composite(shown, Image.new(shown.mode, shown.size, "white"), alpha)
    turn = _FROM_EXIF.get(orientation_of(image))
    return (shown if turn is None else shown.transpose(turn)), transparent


def _has_transparent_pixels(alpha: Image.Image, image_format: str | None) -> bool:
    """Many programs leave the alpha of a BMP 0 everywhere: viewers then ignore it."""
    opacity = np.asarray(alpha)
    return bool(opacity.min() < 255) and not (image_format == "BMP" and opacity.max() == 0)


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; anything else, or unreadable EXIF, is upright."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF beside good pixels is no reason to refuse them
        return 1
    return orientation if orientation in _FROM_EXIF else 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """The image with 8 bits a sample; where one colour stands for transparent, it has alpha.

    Raises:
      BadImageError: float, signed and 32-bit pixels have no defined range: nobody knows what is
        white in them. Lab and the like are not converted.
    """
    if image.mode in _SIXTEEN_BITS or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return _from_sixteen_bits(image)
    if image.mode == "F":
        raise BadImageError("32-bit float pixels, whose range is not defined", UNDEFINED)
    if image.mode == "I":
        raise BadImageError("signed or 32-bit pixels, whose range is not defined", UNDEFINED)
    if image.mode not in _EIGHT_BITS:
        raise BadImageError(f"pixels of kind {image.mode}, which are not converted", NOT_READ)
    return image.convert("RGBA") if image.has_transparency_data else image


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    samples = np.asarray(image)
    bits = 16
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2[_BITS][0]
        if image.tag_v2[_PHOTOMETRIC] == _WHITE_IS_ZERO:
            samples = (2**bits - 1) - samples
    grey = Image.fromarray((samples >> (bits - 8)).astype(np.uint8))
    key = image.info.get("transparency")
    if key is not None:
        grey.putalpha(Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8)))
    return grey


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if image.mode == "LA":
        return image.convert("L"), image.getchannel("A")
    if image.mode == "RGBA":
        return image.convert("RGB"), image.getchannel("A")
    return image, None


def _in_srgb(image: Image.Image, info: dict) -> Image.Image:
    """Converts to L or RGB, by the colour space that the file states, if it does."""
    if image.mode in ("P", "RGBX"):
        image = image.convert("RGB")
    if "icc_profile" in info:
        converted = _by_profile(image, info["icc_profile"])
        if converted:
            return converted
    mode = "L" if image.mode in ("1", "L") else "RGB"
    plain = image if image.mode == mode else image.convert(mode)  # converting always copies
    gamma = info.get("gamma")
    if not gamma or "srgb" in info or abs(gamma / _SRGB_GAMMA - 1) < _GAMMA_TOLERANCE:
        return plain
    curve = 255 * (np.arange(256) / 255) ** (_SRGB_GAMMA / gamma)
    return plain.point(np.rint(curve).astype(int).tolist() * len(plain.getbands()))


def _by_profile(image: Image.Image, content: bytes) -> Image.Image | None:
    """RGB in sRGB; None where the profile is broken or not one for such an image, as viewers do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        if _PROFILED_MODES.get(profile.profile.xcolor_space.strip()) != image.mode:
            return None
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


def _check_jpeg(_: Image.Image, data: bytes, __: int) -> None:
    """Each scan of a progressive JPEG costs a pass over the image, though it may be a few bytes."""
    scans = data.count(START_OF_SCAN)
    if scans > _MAX_SCANS:
        raise BadImageError(f"a JPEG of {scans} scans", TOO_LARGE)


def _check_png(image: ImageFile.ImageFile, _: bytes, __: int) -> None:
    """A PNG states its transparent colour in samples of its own depth; Pillow's have 8 bits."""
    key = image.info.get("transparency")
    raw_mode = image.tile[0].args if image.tile else None
    if key is None or image.mode not in ("L", "RGB"):
        return
    if raw_mode == "RGB;16B":
        raise BadImageError(
            "a transparent colour among 16-bit colours, which is not converted", NOT_READ
        )
    if raw_mode in ("L;2", "L;4"):
        image.info["transparency"] = key * (255 // (2 ** int(raw_mode[2]) - 1))


def _check_gif(image: ImageFile.ImageFile, _: bytes, __: int) -> None:
    """Where the first frame does not cover the canvas, viewers show nothing, Pillow a colour."""
    covered = image.tile and image.tile[0].extents == (0, 0, *image.size)
    if not covered and "transparency" not in image.info:
        raise BadImageError("a GIF whose first frame does not cover it", UNDEFINED)


def _check_webp(image: Image.Image, data: bytes, _: int) -> None:
    """As `_check_gif`; the header of the first frame has its width and height, each less one."""
    frame = data.find(b"ANMF")
    if frame < 0 or image.has_transparency_data:
        return
    width, height = (int.from_bytes(data[frame + at : frame + at + 3], "little") for at in (14, 17))
    if (width + 1, height + 1) != image.size:
        raise BadImageError("a WebP whose first frame does not cover it", UNDEFINED)


def _check_jpeg_2000(image: Image.Image, data: bytes, _: int) -> None:
    """Pillow rounds samples of more bits than its own up, and white over to black."""
    components = data.find(_JPEG_2000_START) + _JPEG_2000_COMPONENTS
    count = int.from_bytes(data[components : components + 2], "big")
    bits = max((size & 0x7F) + 1 for size in data[components + 2 :][: 3 * count : 3])
    if bits > (16 if image.mode in _SIXTEEN_BITS else 8):
        raise BadImageError(
            f"a JPEG 2000 of {image.mode} with {bits} bits, which is not converted", NOT_READ
        )


def _check_tiff(image: TiffImagePlugin.TiffImageFile, _: bytes, max_pixels: int) -> None:
    """Refuses what Pillow, without an error, reads as another picture."""
    tags = image.tag_v2
    if tags.get(_SUBFILE_TYPE, 0) & 1 or _DNG_VERSION in tags:
        raise BadImageError("a camera's raw file, whose first picture is a thumbnail", NOT_READ)
    if _PHOTOMETRIC not in tags:
        raise BadImageError("a TIFF that does not say whether 0 is black or white", UNDEFINED)
    if image.mode == "L" and _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise BadImageError("signed pixels, whose range is not defined", UNDEFINED)
    if image.mode == "P" and max(tags[_COLOR_MAP]) < 256:
        raise BadImageError("a TIFF palette of 8-bit colours, which has to have 16 bits", UNDEFINED)
    if tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_LENGTH, 0) > max_pixels:
        raise BadImageError(f"a TIFF with tiles over the limit of {max_pixels} pixels", TOO_LARGE)
    if tags.get(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED:
        _check_uncompressed_tiff(tags)


def _check_uncompressed_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2) -> None:
    if tags[_PHOTOMETRIC] == _YCBCR:
        raise BadImageError("an uncompressed YCbCr TIFF, which is not converted", NOT_READ)
    if tags.get(_PLANAR) == _SEPARATE_PLANES and max(tags.get(_BITS, (1,))) > 8:
        raise BadImageError(
            "16-bit planes of an uncompressed TIFF, which are not converted", NOT_READ
        )


# What is checked before an image is loaded, by Pillow's name of its format.
_CHECKS: dict[str, Callable[[Any, bytes, int], None]] = {
    "JPEG": _check_jpeg,
    "MPO": _check_jpeg,
    "PNG": _check_png,
    "GIF": _check_gif,
    "WEBP": _check_webp,
    "JPEG2000": _check_jpeg_2000,
    "TIFF": _check_tiff,
}

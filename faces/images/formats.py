"""Which files are opened as images at all; of every other, the refusal says what it is."""

import io

from PIL import Image, UnidentifiedImageError

from faces.reasons import BROKEN, EMPTY, NOT_AN_IMAGE, NOT_READ, TOO_LARGE, TRUNCATED

# What collections of faces come in, by Pillow's names. Nothing else is ever opened: Pillow's other
# readers start programs (EPS starts Ghostscript), have no signature to tell a file by (TGA), or are
# hardly used and so hardly tried by others.
ALLOWED = ("JPEG", "PNG", "PPM", "BMP", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF")
ALLOWED_TEXT = "JPEG, PNG, PBM/PGM/PPM, BMP, GIF, TIFF, WebP, JPEG 2000 and AVIF"

# JPEG's own limit. Resizing takes memory for a side of the image times one of the network's input.
MAX_SIDE = 65_535

# How files begin: (offset, bytes, what it is). Nothing but the reason of a refusal goes by it.
_SIGNATURES = (
    (0, b"%!", "a PostScript file"),
    (0, b"\x04%!", "a PostScript file"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (40, b" EMF", "a Windows metafile"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"gimp xcf", "a GIMP file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (0, b"GRIB", "a GRIB file"),
    (0, b"BUFR", "a BUFR file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"\x00\x00\x01\x00", "a Windows icon"),
    (0, b"\x00\x00\x02\x00", "a Windows cursor or TGA file"),
    (0, b"\x00\x00\x0a\x00", "a TGA file"),
    (0, b"\x01\xda", "an SGI file"),
    (0, b"\x0a\x05", "a PCX file"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster file"),
    (0, b"icns", "an Apple icon"),
    (0, b"qoif", "a QOI file"),
    (0, b"/* XPM", "an XPM file"),
    (0, b"#define", "an XBM file or C source"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL file"),
    (4, b"ftypheic", "a HEIC file"),
    (4, b"ftypheix", "a HEIC file"),
    (4, b"ftypmif1", "a HEIF file"),
    (4, b"ftyp", "a video or HEIF file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"<svg", "an SVG file"),
    (0, b"<?xml", "an XML file"),
    (0, b"<", "an HTML or XML file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\x93NUMPY", "a NumPy file"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, whose content was not fetched"),
)
# What Pillow says of data that end too early, and of a few bytes that unpack to megabytes.
_SAID = {
    "truncated": TRUNCATED,
    "not enough image data": TRUNCATED,
    "end of file": TRUNCATED,
    "unrecognized data stream": TRUNCATED,
    "decompressed data too large": TOO_LARGE,
}

# Those of them that hold no picture, as far as their first bytes say.
_NO_PICTURES = frozenset(
    {
        "an XML file",
        "an HTML or XML file",
        "a ZIP archive",
        "a gzip archive",
        "a bzip2 archive",
        "a pointer of Git LFS, whose content was not fetched",
    }
)
_ALLOWED_SIGNATURES = (
    (4, b"ftypavi", "AVIF"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    *((0, b"P%d" % kind, "PBM/PGM/PPM") for kind in range(1, 8)),
)


class BadImageError(Exception):
    """The bytes are no usable image; the message says why, in a few words.

    Attributes:
      reason: one of `faces.reasons`.
    """

    def __init__(self, detail: str, reason: str = BROKEN):
        super().__init__(detail)
        self.reason = reason


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Reads an image's header; nothing is decoded.

    Args:
      data: the file's bytes.
      max_pixels: width times height above which the image is refused.

    Raises:
      BadImageError: no image, of a format that is not read, a broken header, or too large.
    """
    if not data:
        raise BadImageError("empty file", EMPTY)
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise BadImageError(f"{width}x{height} pixels, over the limit of {max_pixels}", TOO_LARGE)
    if max(width, height) > MAX_SIDE:
        raise BadImageError(f"{width}x{height} pixels, a side over {MAX_SIDE}", TOO_LARGE)
    if min(width, height) < 1:
        raise BadImageError(f"{width}x{height} pixels")
    return image


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=ALLOWED)
    except UnidentifiedImageError:
        raise _unknown(data) from None
    except Image.DecompressionBombError as error:
        raise BadImageError(f"over the limit: {error}", TOO_LARGE) from None
    except Exception as error:  # Pillow's plugins raise whatever broken headers make them raise
        if _is_cut_webp(data):
            raise BadImageError("a WebP that ends within its image", TRUNCATED) from None
        raise broken(error, "header") from None


def _is_cut_webp(data: bytes) -> bool:
    """Whether it is shorter than its header says: Pillow names no cause."""
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return is_webp and int.from_bytes(data[4:8], "little") > len(data) - 8


def broken(error: Exception, what: str = "data") -> BadImageError:
    """The refusal of an image that Pillow cannot read, by what it says."""
    words = str(error) or type(error).__name__
    reason = next((reason for said, reason in _SAID.items() if said in words.lower()), BROKEN)
    return BadImageError(f"broken {what}: {words}", reason)


def _unknown(data: bytes) -> BadImageError:
    kind = _kind_of(data, _ALLOWED_SIGNATURES)
    if kind:
        return BadImageError(f"a broken {kind} file, or of an unusual kind that cannot be read")
    kind = _kind_of(data, _SIGNATURES)
    if kind:
        reason = NOT_AN_IMAGE if kind in _NO_PICTURES else NOT_READ
        return BadImageError(f"{kind}; images are {ALLOWED_TEXT}", reason)
    return BadImageError(f"not an image in a known format; images are {ALLOWED_TEXT}", NOT_AN_IMAGE)


def _kind_of(data: bytes, signatures: tuple[tuple[int, bytes, str], ...]) -> str | None:
    for offset, signature, kind in signatures:
        if data[offset : offset + len(signature)] == signature:
            return kind
    return None

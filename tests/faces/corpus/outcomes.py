"""Into which line of the quarantine each file of the corpus that is refused goes."""

import re

from faces.reasons import (
    BROKEN,
    EMPTY,
    NOT_AN_IMAGE,
    NOT_READ,
    TOO_LARGE,
    TRUNCATED,
    UNDEFINED,
)
from tests.faces.corpus.pictures import File

# Kind -> pattern of the names -> reason; the first that fits. What is not here, is shown.
_REASONS = {
    "AVIF": {"half": BROKEN},
    "BMP broken": {"half": TRUNCATED, "no bits": BROKEN},
    "bomb": {".": TOO_LARGE},
    "camera's raw file": {".": NOT_READ},
    "format that is not read": {"IM|SPIDER|MSP": NOT_AN_IMAGE, ".": NOT_READ},
    "GIF broken": {"partial first frame": UNDEFINED, "no frame": BROKEN},
    "JPEG 2000": {"16 bits, but 8 in the box": NOT_READ, ".": BROKEN},
    "JPEG broken": {"no end|header only": TRUNCATED, "no tables": BROKEN},
    "JPEG of a rare coding": {".": BROKEN},
    "JPEG of the wrong size": {"huge": TOO_LARGE, "no width|no height": BROKEN},
    "no image": {"nothing": EMPTY, ".": NOT_AN_IMAGE},
    "PFM": {".": UNDEFINED},
    "PNG broken": {"too few rows": TRUNCATED, ".": BROKEN},
    "PNG with a transparent colour": {"16-bit colour": NOT_READ},
    "PNG with further chunks": {"text bomb": TOO_LARGE},
    "PNM broken": {"short": TRUNCATED, ".": BROKEN},
    "signature only": {".": BROKEN},
    "sizes": {".": TOO_LARGE},
    "TIFF grey": {"12 bits|16 bits": BROKEN},
    "TIFF in planes": {"16 bits": NOT_READ},
    "TIFF of other colours": {".": NOT_READ},
    "TIFF of unknown photometry": {".": UNDEFINED},
    "TIFF palette": {"8-bit colours": UNDEFINED},
    "TIFF with undefined range": {"^32 bits, >": BROKEN, ".": UNDEFINED},
    "truncated": {"GIF, [12]/10": BROKEN, ".": TRUNCATED},
    "WebP broken": {"half": TRUNCATED, "partial first frame": UNDEFINED},
}


def reason_of(file: File) -> str | None:
    """One of `faces.reasons`; None where the file is shown."""
    if file.shown is not None:
        return None
    patterns = _REASONS[file.kind]
    return next(reason for pattern, reason in patterns.items() if re.search(pattern, file.name))

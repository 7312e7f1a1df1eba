"""What is no image, or not only one: cut off, followed by something, not read, too large."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.faces.corpus.pictures import (
    BLACK_AND_WHITE,
    GREY,
    LOSSY,
    OTHER,
    PICTURE,
    File,
    rgb,
    written,
)
from tests.faces.corpus.png import chunk, png
from tests.faces.corpus.tiff import tiff_of


def truncated() -> Iterator[File]:
    """Files that end after each tenth of them."""
    noise = np.random.default_rng(5).integers(0, 256, PICTURE.shape, dtype=np.uint8)
    for image_format, options in {
        "JPEG": {"quality": 95},
        "JPEG progressive": {"quality": 95, "progressive": True},
        "PNG": {},
        "GIF": {},
        "BMP": {},
        "TIFF": {},
        "WEBP": {"lossless": True},
        "PPM": {},
    }.items():
        data = written(noise, image_format.split()[0], **options)
        for tenth in range(1, 10):
            part = data[: len(data) * tenth // 10]
            yield File("truncated", f"{image_format}, {tenth}/10", part, refused=".")


def followed() -> Iterator[File]:
    """A whole image with something behind it, which viewers do not see."""
    tails = {
        "zeros": bytes(1000),
        "text": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "archive": b"PK\x03\x04" + bytes(100),
        "JPEG": written(OTHER, "JPEG"),
        "PNG": png(OTHER),
    }
    for image_format, options in {
        "JPEG": {"quality": 95},
        "PNG": {},
        "GIF": {},
        "BMP": {},
        "WEBP": {"lossless": True},
        "PPM": {},
    }.items():
        pixels = GREY if image_format == "GIF" else PICTURE
        shown = rgb(GREY) if image_format == "GIF" else PICTURE
        within = LOSSY if image_format == "JPEG" else 0.0
        for name, tail in tails.items():
            data = written(pixels, image_format, **options) + tail
            yield File("followed by something", f"{image_format}, {name}", data, shown, within)


def not_read() -> Iterator[File]:
    """Formats that Pillow reads and this project does not, and files that are no images."""
    for image_format, reason in {
        "EPS": "PostScript",
        "PCX": "PCX",
        "SGI": "SGI",
        "ICO": "icon",
        "TGA": "TGA",
        "DDS": "DDS",
        "PDF": "PDF",
        "ICNS": "icon",
        "IM": "not an image",
        "QOI": "QOI",
        "SPIDER": "not an image",
    }.items():
        image = Image.fromarray(GREY if image_format == "SPIDER" else PICTURE)
        if image_format == "SPIDER":
            image = image.convert("F")
        yield File(
            "format that is not read", image_format, written(image, image_format), refused=reason
        )
    bitmap = Image.fromarray(BLACK_AND_WHITE).convert("1")
    yield File("format that is not read", "XBM", written(bitmap, "XBM"), refused="XBM")
    yield File("format that is not read", "MSP", written(bitmap, "MSP"), refused="not an image")
    for name, start, reason in [
        ("PostScript", b"%!PS-Adobe-3.0\n(%stdin) run", "PostScript"),
        ("PostScript after Ctrl-D", b"\x04%!PS-Adobe-3.0\n", "PostScript"),
        ("binary EPS", b"\xc5\xd0\xd3\xc6" + bytes(30), "PostScript"),
        ("Photoshop", b"8BPS\0\1" + bytes(30), "Photoshop"),
        ("Windows metafile", b"\xd7\xcd\xc6\x9a" + bytes(30), "metafile"),
        ("FITS", b"SIMPLE  =                    T", "FITS"),
        ("GRIB", b"GRIB" + bytes(30), "GRIB"),
        ("BUFR", b"BUFR" + bytes(30), "BUFR"),
        ("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5"),
        ("JPEG XL", b"\xff\x0a" + bytes(30), "JPEG XL"),
        ("HEIC", b"\0\0\0\x18ftypheic" + bytes(30), "HEIC"),
        ("MP4", b"\0\0\0\x18ftypisom" + bytes(30), "video"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ]:
        yield File("format that is not read", name, start, refused=reason)
    for name, data, reason in [
        ("nothing", b"", "empty file"),
        ("one byte", b"\0", "not an image"),
        ("zeros", bytes(1000), "not an image"),
        ("text", b"This is not an image.\n", "not an image"),
        ("page", b"<!DOCTYPE html><html></html>", "HTML"),
        ("archive", b"PK\x03\x04" + bytes(100), "ZIP"),
        ("compressed image", b"\x1f\x8b" + zlib.compress(png(PICTURE)), "gzip"),
        ("Git LFS", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("macOS", b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(50), "not an image"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "not an image"),
        ("text before a JPEG", b"text" + written(PICTURE, "JPEG"), "not an image"),
        ("noise", np.random.default_rng(0).bytes(1000), "not an image"),
    ]:
        yield File("no image", name, data, refused=reason)
    for name, start, reason in [
        ("JPEG", b"\xff\xd8\xff", "broken"),
        ("PNG", b"\x89PNG\r\n\x1a\n", "broken"),
        ("GIF", b"GIF89a", "broken"),
        ("BMP", b"BM", "broken"),
        ("TIFF", b"II*\0", "broken"),
        ("WebP", b"RIFF\x10\0\0\0WEBP", "broken"),
        ("JPEG 2000", b"\xff\x4f\xff\x51", "broken"),
    ]:
        yield File("signature only", name, start, refused=reason)
        yield File(
            "signature only", f"{name} and zeros", start + bytes(500), refused="broken|pixels"
        )


def bombs() -> Iterator[File]:
    """Small files of huge images."""
    for name, (width, height) in {
        "square": (60_000, 60_000),
        "over Pillow's limit": (20_000, 20_000),
        "just over": (101, 100),
    }.items():
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
        yield File("bomb", f"PNG, {name}", data, refused="over the")
    profile_bomb = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2**24)))
    yield File("bomb", "PNG, profile", png(PICTURE, before=profile_bomb), refused="too large")
    data = tiff_of(GREY[..., None], t256=("I", [60_000]), t257=("I", [60_000]))
    yield File("bomb", "TIFF", data, refused="over the")
    data = written(np.zeros((101, 100), np.uint8), "WEBP", lossless=True)
    yield File("bomb", "WebP just over", data, refused="over the limit")

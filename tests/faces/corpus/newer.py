"""WebP, AVIF and JPEG 2000, as Pillow writes them and as it would not."""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, features

from tests.faces.corpus.pictures import (
    ALPHA,
    GREY,
    HEIGHT,
    LOSSY,
    OTHER,
    PICTURE,
    WIDTH,
    File,
    on_white,
    rgb,
    turned,
    written,
)


def webps() -> Iterator[File]:
    """Lossy and lossless, alpha, animations."""
    alpha = Image.fromarray(np.dstack([PICTURE, ALPHA]))
    for method in (0, 4, 6):
        data = written(PICTURE, "WEBP", lossless=True, method=method)
        yield File("WebP lossless", f"method {method}", data, PICTURE)
        data = written(PICTURE, "WEBP", quality=95, method=method)
        yield File("WebP", f"method {method}", data, PICTURE, LOSSY)
    yield File("WebP lossless", "grey", written(GREY, "WEBP", lossless=True), rgb(GREY))
    for exact in (False, True):
        data = written(alpha, "WEBP", lossless=True, exact=exact)
        name = f"lossless, exact {exact}"
        yield File("WebP with alpha", name, data, on_white(PICTURE, ALPHA), 0.6)
        data = written(alpha, "WEBP", quality=95, exact=exact)
        yield File("WebP with alpha", f"exact {exact}", data, on_white(PICTURE, ALPHA), LOSSY)
    nothing = Image.fromarray(np.dstack([PICTURE, np.zeros_like(GREY)]))
    data = written(nothing, "WEBP", lossless=True, exact=True)
    yield File("fully transparent", "WebP", data, np.full_like(PICTURE, 255))
    frames = [Image.fromarray(PICTURE), Image.fromarray(OTHER)]
    data = written(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    yield File("animation", "WebP", data, PICTURE)
    for orientation in (3, 6):
        block = Image.Exif()
        block[0x0112] = orientation
        data = written(PICTURE, "WEBP", lossless=True, exif=block)
        yield File("orientation", f"WebP, {orientation}", data, turned(PICTURE, orientation))
    data = written(PICTURE, "WEBP", lossless=True)
    shown = np.full_like(PICTURE, 255)
    shown[: HEIGHT // 2, : WIDTH // 2] = PICTURE[: HEIGHT // 2, : WIDTH // 2]
    yield File("WebP with alpha", "partial first frame", _webp_with_partial_frame(16), shown)
    data = _webp_with_partial_frame(0)
    yield File("WebP broken", "partial first frame", data, refused="does not cover")
    data = written(PICTURE, "WEBP", lossless=True)
    yield File("WebP broken", "half", data[: len(data) // 2], refused="ends within")


def _webp_with_partial_frame(flags: int) -> bytes:
    """An animation of one frame, a quarter of its canvas; flag 16 says that it has alpha."""

    def three(value: int) -> bytes:
        return value.to_bytes(3, "little")

    frame = written(PICTURE[: HEIGHT // 2, : WIDTH // 2], "WEBP", lossless=True)[12:]
    frame = bytes(6) + three(WIDTH // 2 - 1) + three(HEIGHT // 2 - 1) + three(100) + b"\0" + frame
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, flags | 2) + three(WIDTH - 1) + three(HEIGHT - 1)
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avifs() -> Iterator[File]:
    """AVIF, where this Pillow reads it."""
    if not features.check("avif"):
        return
    for subsampling in ("4:4:4", "4:2:0"):
        data = written(PICTURE, "AVIF", quality=95, subsampling=subsampling, speed=10)
        yield File("AVIF", subsampling, data, PICTURE, LOSSY)
    alpha = Image.fromarray(np.dstack([PICTURE, ALPHA]))
    data = written(alpha, "AVIF", quality=95, subsampling="4:4:4", speed=10)
    yield File("AVIF", "with alpha", data, on_white(PICTURE, ALPHA), LOSSY)
    for orientation in (3, 6, 7):
        block = Image.Exif()
        block[0x0112] = orientation
        data = written(PICTURE, "AVIF", quality=95, exif=block, speed=10)
        yield File("orientation", f"AVIF, {orientation}", data, turned(PICTURE, orientation), LOSSY)
    frames = [Image.fromarray(PICTURE), Image.fromarray(OTHER)]
    data = written(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)
    yield File("animation", "AVIF", data, PICTURE, 2 * LOSSY)
    yield File("AVIF", "half", data[: len(data) // 2], refused="broken")


def jpegs_2000() -> Iterator[File]:
    """Codestreams and files, 8 and 16 bits."""
    for no_jp2 in (False, True):
        for irreversible in (False, True):
            options = {"no_jp2": no_jp2, "irreversible": irreversible}
            within = LOSSY if irreversible else 0.0
            name = f"codestream {no_jp2}, lossy {irreversible}"
            data = written(PICTURE, "JPEG2000", **options)
            yield File("JPEG 2000", f"colour, {name}", data, PICTURE, within)
            data = written(GREY, "JPEG2000", **options)
            yield File("JPEG 2000", f"grey, {name}", data, rgb(GREY), within)
            levels = GREY.astype(np.uint16) * 257
            data = written(levels, "JPEG2000", **options)
            yield File("JPEG 2000", f"16 bits, {name}", data, rgb(GREY), within)
        alpha = Image.fromarray(np.dstack([PICTURE, ALPHA]))
        data = written(alpha, "JPEG2000", no_jp2=no_jp2)
        name = f"with alpha, codestream {no_jp2}"
        yield File("JPEG 2000", name, data, on_white(PICTURE, ALPHA), 0.6)
    data = bytearray(written(GREY.astype(np.uint16) * 257, "JPEG2000"))
    data[data.index(b"ihdr") + 14] = 7  # bits less one
    yield File("JPEG 2000", "16 bits, but 8 in the box", bytes(data), refused="with 16 bits")
    data = written(PICTURE, "JPEG2000")
    at = data.index(b"ihdr") + 4
    larger = data[:at] + struct.pack(">II", 90, 90) + data[at + 8 :]
    yield File("JPEG 2000", "another size in the box", larger, refused="broken")
    yield File("JPEG 2000", "half", data[: len(data) // 2], refused="broken")

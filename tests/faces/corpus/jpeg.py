"""JPEG: what Pillow writes, with segments put in or taken out."""

import struct
from collections.abc import Iterator

from PIL import Image, ImageChops

from tests.faces.corpus.pictures import (
    GREY,
    HEIGHT,
    LOSSY,
    OTHER,
    PICTURE,
    WIDTH,
    File,
    exif,
    rgb,
    turned,
    written,
)


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpegs() -> Iterator[File]:
    """Baseline and progressive, all subsamplings, colour models and markers."""
    for progressive in (False, True):
        for subsampling in (0, 1, 2):
            for quality in (75, 90, 100):
                name = f"progressive {progressive}, subsampling {subsampling}, quality {quality}"
                data = written(
                    PICTURE,
                    "JPEG",
                    quality=quality,
                    progressive=progressive,
                    subsampling=subsampling,
                )
                yield File("JPEG", name, data, PICTURE, LOSSY)
        data = written(GREY, "JPEG", quality=95, progressive=progressive)
        yield File("JPEG grey", f"progressive {progressive}", data, rgb(GREY), LOSSY)
        data = written(PICTURE, "JPEG", quality=95, progressive=progressive, restart_marker_rows=1)
        yield File("JPEG with restarts", f"progressive {progressive}", data, PICTURE, LOSSY)
    data = written(PICTURE, "JPEG", quality=95, keep_rgb=True)
    yield File("JPEG of other colours", "RGB", data, PICTURE, LOSSY)
    for name, image in [("picture", PICTURE), ("other", OTHER)]:
        cmyk = Image.fromarray(image).convert("CMYK")
        data = written(cmyk, "JPEG", quality=95)
        yield File("JPEG of other colours", f"CMYK, {name}", data, image, LOSSY)
        yield File("JPEG of other colours", f"YCCK, {name}", _ycck(cmyk), image, LOSSY)
        plain = data.replace(data[data.index(b"\xff\xee") :][:16], b"")
        yield File("JPEG of other colours", f"CMYK without Adobe, {name}", plain, image, LOSSY)
    start, rest = written(PICTURE, "JPEG", quality=95)[:2], written(PICTURE, "JPEG", quality=95)[2:]
    for name, more in [
        ("comment", segment(0xFE, b"x" * 60_000)),
        ("many comments", segment(0xFE, b"x" * 1000) * 200),
        ("unknown", segment(0xE7, b"unknown")),
        ("broken EXIF", segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff")),
        ("orientation 0", segment(0xE1, exif(0))),
        ("orientation 9", segment(0xE1, exif(9))),
        ("orientation is text", segment(0xE1, exif(0x3600, 2))),
        ("broken profile", segment(0xE2, b"ICC_PROFILE\0\x01\x01" + b"no profile")),
        ("half a profile", segment(0xE2, b"ICC_PROFILE\0\x01\x02" + b"\0" * 128)),
        ("fill bytes", b"\xff" * 100),
    ]:
        yield File("JPEG with further segments", name, start + more + rest, PICTURE, LOSSY)
    for orientation in range(1, 9):
        data = start + segment(0xE1, exif(orientation)) + rest
        yield File("orientation", f"JPEG, {orientation}", data, turned(PICTURE, orientation), LOSSY)


def _ycck(cmyk: Image.Image) -> bytes:
    """As Adobe writes it: the first three channels are stored as luma and chroma."""
    *colours, black = cmyk.split()
    channels = Image.merge("RGB", colours).convert("YCbCr").split()
    inverted = [ImageChops.invert(channel) for channel in channels]  # Pillow inverts what it writes
    data = written(Image.merge("CMYK", [*inverted, black]), "JPEG", quality=95)
    transform = data.index(b"\xff\xee") + 15
    assert data[transform] == 0
    return data[:transform] + b"\2" + data[transform + 1 :]


def jpeg_oddities() -> Iterator[File]:
    """What is said of the size is not so, and coding that few read."""
    data = written(PICTURE, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    yield File("bomb", "JPEG of many scans", data[:-2] + 200 * last + data[-2:], refused="scans")
    data = written(PICTURE, "JPEG", quality=95)
    frame = data.index(b"\xff\xc0") + 5
    for name, height, width, reason in [
        ("huge", 65_535, 65_535, "over the limit"),
        ("no width", HEIGHT, 0, "."),
        ("no height", 0, WIDTH, "."),
    ]:
        size = struct.pack(">HH", height, width)
        broken = data[:frame] + size + data[frame + 4 :]
        yield File("JPEG of the wrong size", name, broken, refused=reason)
    twelve = data[: frame - 1] + b"\x0c" + data[frame:]
    yield File("JPEG of a rare coding", "12 bits", twelve, refused=".")
    lossless = data.replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield File("JPEG of a rare coding", "lossless", lossless, refused=".")
    yield File("JPEG broken", "no end", data[:-2], refused=".")
    yield File("JPEG broken", "header only", data[:200], refused=".")
    yield File("JPEG broken", "no tables", data.replace(b"\xff\xdb", b"\xff\xfe"), refused=".")
    pages = [Image.fromarray(PICTURE), Image.fromarray(OTHER)]
    data = written(pages[0], "MPO", save_all=True, append_images=pages[1:], quality=95)
    yield File("several pictures", "MPO", data, PICTURE, LOSSY)

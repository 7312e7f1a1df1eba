"""PNG (ISO/IEC 15948), put together chunk by chunk."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.faces.corpus.pictures import (
    ALPHA,
    GREY,
    HEIGHT,
    OTHER,
    PICTURE,
    WIDTH,
    File,
    exif,
    on_white,
    packed,
    rgb,
    smooth,
    turned,
    written,
)


def chunk(name: bytes, content: bytes, crc: int = 0) -> bytes:
    """A PNG chunk; `crc` is xored to its checksum."""
    checksum = zlib.crc32(name + content) ^ crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


_ADAM7 = [
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
]
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png(
    samples: np.ndarray,
    depth: int = 8,
    *,
    colour: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    interlaced: bool = False,
    crc: int = 0,
) -> bytes:
    """A PNG of samples [H, W, C] with chunks before and after its pixels."""
    height, width, channels = samples.shape
    colour = _COLOUR_TYPES[channels] if colour is None else colour
    rows = b""
    for top, left, down, right in _ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::right]
        if part.size:
            lines = part.reshape(len(part), -1)
            rows += b"".join(b"\0" + packed(line[None], depth) for line in lines)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(rows), crc)
        + after
        + chunk(b"IEND", b"")
    )


def png_depths() -> Iterator[File]:
    """Grey, colour, palette and alpha of every depth, with and without interlacing."""
    for interlaced in (False, True):
        way = "interlaced" if interlaced else "plain"
        for depth in (1, 2, 4, 8, 16):
            levels = (GREY.astype(int) * 257) >> (16 - depth)
            shown = rgb(levels * 255 // (2**depth - 1) if depth < 16 else levels >> 8)
            data = png(levels[..., None], depth, interlaced=interlaced)
            yield File("PNG grey", f"{depth} bits, {way}", data, shown)
        for depth in (8, 16):
            scale = 257 if depth == 16 else 1
            full = PICTURE.astype(int) * scale
            with_alpha = np.dstack([full, ALPHA.astype(int) * scale])
            grey_alpha = np.dstack([GREY.astype(int) * scale, ALPHA.astype(int) * scale])
            name = f"{depth} bits, {way}"
            yield File("PNG colour", name, png(full, depth, interlaced=interlaced), PICTURE)
            data = png(with_alpha, depth, interlaced=interlaced)
            yield File("PNG with alpha", f"colour, {name}", data, on_white(PICTURE, ALPHA), 0.6)
            data = png(grey_alpha, depth, interlaced=interlaced)
            yield File("PNG with alpha", f"grey, {name}", data, on_white(rgb(GREY), ALPHA), 0.6)
        for depth in (1, 2, 4, 8):
            indices = GREY.astype(int) >> (8 - depth)
            palette = np.random.default_rng(depth).integers(0, 256, (2**depth, 3), dtype=np.uint8)
            chunks = chunk(b"PLTE", palette.tobytes())
            data = png(indices[..., None], depth, colour=3, before=chunks, interlaced=interlaced)
            yield File("PNG palette", f"{depth} bits, {way}", data, palette[indices])


def png_transparency() -> Iterator[File]:
    """Colours hidden by a key, by a palette's alpha, or by alpha of nothing and of all."""
    for depth in (1, 2, 4, 8, 16):
        levels = (GREY.astype(int) * 257) >> (16 - depth)
        key = int(levels[20, 20])
        grey = rgb(levels * 255 // (2**depth - 1) if depth < 16 else levels >> 8)
        shown = np.where((levels == key)[..., None], 255, grey)
        data = png(levels[..., None], depth, before=chunk(b"tRNS", struct.pack(">H", key)))
        yield File("PNG with a transparent colour", f"grey, {depth} bits", data, shown)
        never = png(levels[..., None] // 2 * 2, depth, before=chunk(b"tRNS", b"\xff\xff"))
        if depth == 16:
            shown = rgb(levels // 2 * 2 >> 8)
            yield File("PNG with a transparent colour", "no pixel of it", never, shown)
    key = PICTURE[20, 20]
    hidden = (key == PICTURE).all(axis=-1)[..., None]
    data = png(PICTURE, before=chunk(b"tRNS", struct.pack(">3H", *key)))
    yield File("PNG with a transparent colour", "colour", data, np.where(hidden, 255, PICTURE))
    data = png(PICTURE.astype(int) * 257, 16, before=chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
    yield File("PNG with a transparent colour", "16-bit colour", data, refused="transparent colour")
    for depth in (1, 2, 4, 8):
        indices = GREY.astype(int) >> (8 - depth)
        palette = np.random.default_rng(depth).integers(0, 256, (2**depth, 3), dtype=np.uint8)
        alphas = np.linspace(0, 255, 2**depth).astype(np.uint8)
        for name, alpha in [("shades", alphas), ("one", np.uint8(255) * (alphas > 0))]:
            chunks = chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", alpha.tobytes())
            data = png(indices[..., None], depth, colour=3, before=chunks)
            shown = on_white(palette[indices], alpha[indices])
            yield File("PNG palette with alpha", f"{depth} bits, {name}", data, shown, 0.6)
    white = np.full_like(PICTURE, 255)
    for seed in range(3):
        data = png(np.dstack([smooth(seed), np.zeros_like(GREY)]))
        yield File("fully transparent", f"PNG hiding picture {seed}", data, white)
        data = png(np.dstack([smooth(seed), np.full_like(GREY, 255)]))
        yield File("fully opaque alpha", f"PNG {seed}", data, smooth(seed))
    corner = np.full_like(GREY, 255)
    corner[:2, :2] = 0
    for seed in range(3):
        data = png(np.dstack([np.where(corner[..., None] == 0, seed, PICTURE), corner]))
        shown = np.where(corner[..., None] == 0, 255, PICTURE)
        yield File("a few hidden pixels", f"PNG, colour {seed}", data, shown)


def png_oddities() -> Iterator[File]:
    """Chunks that mean nothing for the picture, and files that are not what they should be."""
    harmless = {
        "text": chunk(b"tEXt", b"Comment\0" + b"x" * 1000),
        "megabyte of text": chunk(b"tEXt", b"Comment\0" + b"x" * 2**20),
        "compressed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 1000)),
        "time": chunk(b"tIME", struct.pack(">HBBBBB", 2020, 1, 1, 0, 0, 0)),
        "size": chunk(b"pHYs", struct.pack(">IIB", 1, 3, 0)),
        "background": chunk(b"bKGD", struct.pack(">3H", 255, 0, 0)),
        "significant bits": chunk(b"sBIT", b"\x05\x06\x05"),
        "unknown chunk": chunk(b"faCe", b"face"),
        "sRGB gamma": chunk(b"gAMA", struct.pack(">I", 45455)),
        "gamma beside sRGB": chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 100_000)),
        "broken profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile")),
        "broken EXIF": chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    }
    for name, chunks in harmless.items():
        yield File("PNG with further chunks", name, png(PICTURE, before=chunks), PICTURE)
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2**24))
    yield File("PNG with further chunks", "text bomb", png(PICTURE, before=bomb), refused="broken")
    for gamma in (1.0, 0.8, 0.3):
        curve = 255 * (np.arange(256) / 255) ** (1 / 2.2 / gamma)
        data = png(PICTURE, before=chunk(b"gAMA", struct.pack(">I", int(gamma * 100_000))))
        yield File("PNG with another gamma", f"{gamma}", data, np.rint(curve)[PICTURE], 0.6)
    data = png(PICTURE)
    yield File("PNG broken", "wrong checksum", png(PICTURE, crc=1), refused="broken")
    yield File("PNG broken", "no pixels", data[:33] + data[-12:], refused="broken")
    bad_header = data[:29] + b"\0\0\0\0" + data[33:]
    yield File("PNG broken", "wrong checksum of the header", bad_header, refused="broken")
    yield File("PNG broken", "depth 3", png(GREY[..., None] >> 5, 3), refused="broken")
    yield File("PNG broken", "no palette", png(GREY[..., None], colour=3), refused="broken")
    short = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    rows = zlib.compress(PICTURE.tobytes()[: WIDTH * 20])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", short) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    yield File("PNG broken", "too few rows", data, refused="broken|cannot decode")
    for orientation in range(1, 9):
        block = chunk(b"eXIf", exif(orientation)[6:])
        shown = turned(PICTURE, orientation)
        yield File("orientation", f"PNG, {orientation}", png(PICTURE, before=block), shown)
        data = png(PICTURE, after=block)
        yield File("orientation", f"PNG, {orientation}, after the pixels", data, shown)
    frames = [Image.fromarray(PICTURE), Image.fromarray(OTHER)]
    data = written(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield File("animation", "APNG", data, PICTURE)
    data = written(frames[0], "PNG", save_all=True, append_images=frames, default_image=True)
    yield File("animation", "APNG with a picture of its own", data, PICTURE)

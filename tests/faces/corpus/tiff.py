"""TIFF 6.0, put together tag by tag."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.faces.corpus.pictures import (
    ALPHA,
    BLACK_AND_WHITE,
    GREY,
    HEIGHT,
    LOSSY,
    OTHER,
    PICTURE,
    WIDTH,
    File,
    on_white,
    packed,
    rgb,
    turned,
    written,
)

_TIFF_TYPES = {"s": (2, "s"), "H": (3, "H"), "I": (4, "I"), "B": (7, "B")}


def tiff(pixels: bytes, tags: dict[int, tuple[str, list[int]]], order: str = "<") -> bytes:
    """A TIFF with one strip or tile, whose tags 273 and 279 (or 324 and 325) are filled in."""
    tiled = 322 in tags
    where, size = (324, 325) if tiled else (273, 279)
    count = len(tags.get(size, ("I", [0]))[1])
    entries = {
        **tags,
        where: ("I", [0] * count),
        size: ("I", tags.get(size, ("I", [len(pixels)]))[1]),
    }
    table = 8 + len(pixels)
    spill = table + 2 + 12 * len(entries) + 4
    starts = np.cumsum([8, *entries[size][1][:-1]]).tolist()
    entries[where] = ("I", starts)
    directory, further = struct.pack(order + "H", len(entries)), b""
    for tag, (code, values) in sorted(entries.items()):
        number, form = _TIFF_TYPES[code]
        content = struct.pack(f"{order}{len(values)}{form}", *values)
        if len(content) > 4:
            offset = spill + len(further)
            further += content + b"\0" * (len(content) % 2)
            content = struct.pack(order + "I", offset)
        directory += struct.pack(order + "HHI", tag, number, len(values)) + content.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "I", table) + pixels + directory + b"\0\0\0\0" + further


def tiff_of(
    samples: np.ndarray, bits: int = 8, *, order: str = "<", photometric: int | None = None, **more
) -> bytes:
    """A TIFF of samples [H, W, C]; `more` sets tags as t<number>=(type, values) or None."""
    height, width, channels = samples.shape
    if photometric is None:
        photometric = 1 if channels < 3 else 2
    pixels = more.pop("pixels", None) or packed(samples.reshape(height, -1), bits, order)
    if more.pop("deflated", False):
        pixels, more["t259"] = zlib.compress(pixels), ("H", [8])
    tags = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [bits] * channels),
        259: ("H", [1]),
        262: ("H", [photometric]),
        277: ("H", [channels]),
        278: ("I", [height]),
    }
    tags |= {int(name[1:]): value for name, value in more.items()}
    return tiff(pixels, {tag: value for tag, value in tags.items() if value}, order)


def tiff_grey() -> Iterator[File]:
    """Grey of every depth, byte order, and direction from black to white."""
    for order, endian in [("<", "little"), (">", "big")]:
        for photometric, zero in [(1, "black"), (0, "white")]:
            for deflated in (False, True):
                for bits in (1, 2, 4, 8, 12, 16):
                    levels = (GREY.astype(int) * 257) >> (16 - bits)
                    top = 2**bits - 1
                    shown = rgb(levels * 255 // top if bits <= 8 else levels >> (bits - 8))
                    stored = top - levels if photometric == 0 else levels
                    data = tiff_of(
                        stored[..., None],
                        bits,
                        order=order,
                        photometric=photometric,
                        deflated=deflated,
                    )
                    name = f"{bits} bits, {endian} endian, 0 is {zero}, deflate {deflated}"
                    unknown = bits == 16 and order == ">" and photometric == 0
                    unknown |= bits == 12 and (order == ">" or photometric == 0)
                    if unknown:
                        yield File("TIFF grey", name, data, refused="unusual kind")
                    else:
                        yield File("TIFF grey", name, data, shown)


def tiff_colour() -> Iterator[File]:
    """Colours and alpha of 8 and 16 bits, together and in planes."""
    for order in "<>":
        for deflated in (False, True):
            for bits, scale in [(8, 1), (16, 257)]:
                options = {"order": order, "deflated": deflated}
                name = f"{bits} bits, {order}, deflate {deflated}"
                full = PICTURE.astype(int) * scale
                alpha = ALPHA.astype(int) * scale
                yield File("TIFF colour", name, tiff_of(full, bits, **options), PICTURE)
                data = tiff_of(np.dstack([full, alpha]), bits, t338=("H", [2]), **options)
                yield File("TIFF with alpha", name, data, on_white(PICTURE, ALPHA), 0.6)
                premultiplied = np.dstack([full * ALPHA[..., None] // 255, alpha])
                data = tiff_of(premultiplied, bits, t338=("H", [1]), **options)
                shown = on_white(PICTURE, ALPHA)
                yield File("TIFF with alpha", f"premultiplied, {name}", data, shown, 1.5)
                data = tiff_of(np.dstack([full, alpha]), bits, t338=("H", [0]), **options)
                yield File("TIFF with a further channel", name, data, PICTURE)
                yield _planes(full, bits, order, deflated)
    grey_alpha = tiff_of(np.dstack([GREY, ALPHA]), t338=("H", [2]))
    yield File("TIFF with alpha", "grey", grey_alpha, on_white(rgb(GREY), ALPHA), 0.6)


def _planes(full: np.ndarray, bits: int, order: str, deflated: bool) -> File:
    planes = [packed(full[..., channel], bits, order) for channel in range(3)]
    if deflated:
        planes = [zlib.compress(plane) for plane in planes]
    data = tiff_of(
        full,
        bits,
        order=order,
        pixels=b"".join(planes),
        t259=("H", [8 if deflated else 1]),
        t279=("I", [len(plane) for plane in planes]),
        t284=("H", [2]),
    )
    name = f"{bits} bits, {order}, deflate {deflated}"
    if bits == 16 and not deflated:
        return File("TIFF in planes", name, data, refused="16-bit planes")
    return File("TIFF in planes", name, data, PICTURE)


def tiff_layouts() -> Iterator[File]:
    """Strips, tiles, predictors, bits in the other order, planes, subsampled or not."""
    for order in "<>":
        for bits, scale in [(8, 1), (16, 257)]:
            for kind, picture in [("colour", PICTURE), ("grey", GREY[..., None])]:
                name = f"{kind}, {bits} bits, {order}"
                full = picture.astype(int) * scale
                shown = PICTURE if kind == "colour" else rgb(GREY)
                data = _in_parts(full, bits, order, (WIDTH, 7), {278: ("I", [7])})
                yield File("TIFF in strips", name, data, shown)
                for size in (16, 64):
                    tags = {278: None, 322: ("I", [size]), 323: ("I", [size])}
                    data = _in_parts(full, bits, order, (size, size), tags)
                    yield File("TIFF in tiles", f"{name}, {size}", data, shown)
                steps = np.diff(full, axis=1, prepend=0) % 2**bits
                data = tiff_of(steps, bits, order=order, deflated=True, t317=("H", [2]))
                yield File("TIFF with a predictor", name, data, shown)
    backward = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    for bits in (1, 2, 4, 8):
        levels = GREY.astype(int) >> (8 - bits)
        pixels = packed(levels, bits).translate(backward)
        data = tiff_of(levels[..., None], bits, pixels=pixels, t266=("H", [2]))
        shown = rgb(levels * 255 // (2**bits - 1))
        yield File("TIFF with bits backward", f"{bits} bits", data, shown)
    luma = np.asarray(Image.fromarray(PICTURE).convert("YCbCr"))
    data = tiff_of(luma, photometric=6, deflated=True, t530=("H", [1, 1]))
    yield File("TIFF of other colours", "compressed YCbCr", data, PICTURE, 1.5)


def _in_parts(
    samples: np.ndarray, bits: int, order: str, size: tuple[int, int], tags: dict
) -> bytes:
    """A TIFF of strips or tiles of so many pixels; tiles are filled up with 0."""
    width, height = size
    parts = []
    for top in range(0, HEIGHT, height):
        for left in range(0, WIDTH, width):
            part = samples[top : top + height, left : left + width]
            if 322 in tags:
                missing = (height - part.shape[0], width - part.shape[1])
                part = np.pad(part, [(0, missing[0]), (0, missing[1]), (0, 0)])
            parts.append(packed(part.reshape(len(part), -1), bits, order))
    sizes = ("I", [len(part) for part in parts])
    more = {f"t{tag}": value for tag, value in tags.items()}
    more["t325" if 322 in tags else "t279"] = sizes
    return tiff_of(samples, bits, order=order, pixels=b"".join(parts), **more)


def tiff_oddities() -> Iterator[File]:
    """What no viewer agrees upon, what Pillow takes for something else, and layouts."""
    levels = GREY.astype(int)
    undefined = {
        "signed 8 bits": tiff_of(levels[..., None], t339=("H", [2])),
        "signed 16 bits": tiff_of(levels[..., None], 16, t339=("H", [2])),
        "signed 16 bits, big endian": tiff_of(levels[..., None], 16, order=">", t339=("H", [2])),
    }
    for name, form in [("32 bits", "u4"), ("signed 32 bits", "i4"), ("float", "f4")]:
        kind = {"u": 1, "i": 2, "f": 3}[form[0]]
        for order in "<>":
            pixels = (GREY.astype(order + form) * 1000).tobytes()
            data = tiff_of(levels[..., None], 32, order=order, pixels=pixels, t339=("H", [kind]))
            undefined[f"{name}, {order}"] = data
    nothing = np.full(GREY.shape, np.nan, "<f4").tobytes()
    undefined["float, not a number"] = tiff_of(
        levels[..., None], 32, pixels=nothing, t339=("H", [3])
    )
    for name, data in undefined.items():
        yield File("TIFF with undefined range", name, data, refused="range is not defined|unusual")
    palette = np.random.default_rng(3).integers(0, 256, (256, 3), dtype=np.uint8)
    colours = palette.T.ravel().astype(int)
    data = tiff_of(GREY[..., None], photometric=3, t320=("H", (colours * 257).tolist()))
    yield File("TIFF palette", "16-bit colours", data, palette[GREY])
    data = tiff_of(GREY[..., None], photometric=3, t320=("H", colours.tolist()))
    yield File("TIFF palette", "8-bit colours", data, refused="palette of 8-bit")
    cmyk = np.asarray(Image.fromarray(PICTURE).convert("CMYK"))
    yield File("TIFF CMYK", "8 bits", tiff_of(cmyk, photometric=5), PICTURE, 1.0)
    data = tiff_of(cmyk.astype(int) * 257, 16, photometric=5)
    yield File("TIFF CMYK", "16 bits", data, PICTURE, 1.0)
    lab = np.asarray(Image.fromarray(PICTURE))
    yield File("TIFF of other colours", "Lab", tiff_of(lab, photometric=8), refused="kind LAB")
    yield File("TIFF of other colours", "YCbCr", tiff_of(lab, photometric=6), refused="YCbCr")
    data = tiff_of(GREY[..., None], t262=None)
    yield File("TIFF of unknown photometry", "no tag", data, refused="0 is black or white")
    data = tiff_of(GREY[..., None], t254=("I", [1]))
    yield File("camera's raw file", "thumbnail first", data, refused="raw file")
    data = tiff_of(GREY[..., None], t50706=("B", [1, 4, 0, 0]))
    yield File("camera's raw file", "DNG", data, refused="raw file")
    data = tiff_of(GREY[..., None], t322=("I", [2**15]), t323=("I", [2**15]), t278=None)
    yield File("bomb", "TIFF with huge tiles", data, refused="tiles over the limit")
    for orientation in range(1, 9):
        for deflated in (False, True):
            data = tiff_of(PICTURE, t274=("H", [orientation]), deflated=deflated)
            name = f"TIFF, {orientation}, deflate {deflated}"
            yield File("orientation", name, data, turned(PICTURE, orientation))
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "raw"):
        for mode in ("L", "RGB", "RGBA"):
            image = Image.fromarray(PICTURE).convert(mode)
            shown = np.asarray(image.convert("RGB"))
            data = written(image, "TIFF", compression=compression)
            yield File("TIFF compression", f"{compression}, {mode}", data, shown)
    for compression in ("group3", "group4", "tiff_ccitt"):
        data = written(
            Image.fromarray(BLACK_AND_WHITE).convert("1"), "TIFF", compression=compression
        )
        yield File("TIFF compression", compression, data, rgb(BLACK_AND_WHITE))
    data = written(PICTURE, "TIFF", compression="jpeg", quality=95)
    yield File("TIFF compression", "jpeg", data, PICTURE, LOSSY)
    pages = [Image.fromarray(PICTURE), Image.fromarray(OTHER)]
    data = written(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    yield File("several pictures", "TIFF", data, PICTURE)

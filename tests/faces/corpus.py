"""Image files of every kind that could be found, drawn here, each with what must become of it.

Nothing is read from disk. Files that Pillow cannot write are put together byte by byte.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, features

MAX_PIXELS = 10_000
WIDTH, HEIGHT = 40, 48


@dataclass(frozen=True)
class File:
    """One file and its outcome.

    Attributes:
      kind: what sort of file it is; a line of the table of kinds.
      name: which one of its kind.
      data: the bytes.
      shown: uint8 [H, W, 3], the picture that a viewer shows; None where it is refused.
      within: mean difference from `shown` that is allowed, in levels.
      refused: what the reason says, a regular expression; None where the file is shown.
    """

    kind: str
    name: str
    data: bytes
    shown: np.ndarray | None = None
    within: float = 0.0
    refused: str | None = None


def _smooth(seed: int) -> np.ndarray:
    """uint8 [HEIGHT, WIDTH, 3] that lossy formats keep."""
    coarse = np.random.default_rng(seed).integers(30, 226, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


PICTURE = _smooth(1)
OTHER = _smooth(2)
GREY = np.asarray(Image.fromarray(PICTURE).convert("L"))
BLACK_AND_WHITE = np.where(GREY > 128, 255, 0).astype(np.uint8)
ALPHA = np.clip(np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) * 4 - 60, 0, 255).astype(np.uint8)
LOSSY = 4.0


def rgb(grey: np.ndarray) -> np.ndarray:
    """Grey [H, W] as [H, W, 3]."""
    return np.repeat(grey[..., None], 3, axis=-1)


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What a viewer shows of colours [H, W, 3] under alpha [H, W]."""
    share = alpha[..., None] / 255
    return np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)


def written(pixels: np.ndarray | Image.Image, image_format: str, **options) -> bytes:
    """A file written by Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def packed(samples: np.ndarray, depth: int, order: str = ">") -> bytes:
    """Rows of samples [H, N] of 1 to 16 bits, each row filled up to whole bytes."""
    if depth in (8, 16):
        return samples.astype(f"{order}u{depth // 8}").tobytes()
    bits = (samples[..., None].astype(int) >> np.arange(depth)[::-1]) & 1
    return np.packbits(bits.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()


# --- PNG (ISO/IEC 15948) ---


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
        data = png(np.dstack([_smooth(seed), np.zeros_like(GREY)]))
        yield File("fully transparent", f"PNG hiding picture {seed}", data, white)
        data = png(np.dstack([_smooth(seed), np.full_like(GREY, 255)]))
        yield File("fully opaque alpha", f"PNG {seed}", data, _smooth(seed))
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


# --- TIFF 6.0 ---

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


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What an EXIF orientation makes of the stored pixels."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation, ())
    return np.flip(pixels, flips)


# --- JPEG ---


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def exif(orientation: int, code: int = 3) -> bytes:
    """An EXIF block with nothing but an orientation."""
    tag = struct.pack(">HHI", 0x0112, code, 1) + struct.pack(">HH", orientation, 0)
    return b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\x01" + tag + b"\0\0\0\0"


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


# --- BMP, GIF, PNM ---


def bmp(
    pixels: bytes, bits: int, *, compression: int = 0, more: bytes = b"", top_down: bool = False
) -> bytes:
    """A Windows bitmap; `more` is what follows the header: masks or a palette."""
    height = -HEIGHT if top_down else HEIGHT
    colours = len(more) // 4 if bits <= 8 else 0
    header = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(pixels), 0, 0, colours, 0
    )
    start = 14 + len(header) + len(more)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + more + pixels


def bmps() -> Iterator[File]:
    """All depths and packings."""
    upward = PICTURE[::-1]
    bgr = upward[..., ::-1]
    for depth in (1, 4, 8):
        indices = (GREY[::-1].astype(int)) >> (8 - depth)
        palette = np.random.default_rng(depth).integers(0, 256, (2**depth, 3), dtype=np.uint8)
        entries = np.pad(palette[:, ::-1], ((0, 0), (0, 1))).tobytes()
        rows = packed(indices, depth)
        rows = b"".join(
            rows[at : at + len(rows) // HEIGHT].ljust(-(-len(rows) // HEIGHT // 4) * 4, b"\0")
            for at in range(0, len(rows), len(rows) // HEIGHT)
        )
        yield File("BMP", f"{depth} bits", bmp(rows, depth, more=entries), palette[indices[::-1]])
    yield File("BMP", "24 bits", bmp(bgr.tobytes(), 24), PICTURE)
    data = bmp(PICTURE[..., ::-1].tobytes(), 24, top_down=True)
    yield File("BMP", "24 bits, downward", data, PICTURE)
    fourth = np.dstack([bgr, np.zeros_like(GREY)])
    yield File("BMP", "32 bits", bmp(fourth.tobytes(), 32), PICTURE)
    for name, widths in [("555", (5, 5, 5)), ("565", (5, 6, 5))]:
        red, green, blue = (upward[..., i].astype(int) >> (8 - widths[i]) for i in range(3))
        words = (red << (widths[1] + 5) | green << 5 | blue).astype("<u2").tobytes()
        masks = (31 << (widths[1] + 5), (2 ** widths[1] - 1) << 5, 31)
        data = bmp(words, 16, compression=3, more=struct.pack("<III", *masks))
        yield File("BMP", f"16 bits, {name}", data, PICTURE, 4.0)
    yield File("BMP", "16 bits", bmp(_words(upward), 16), PICTURE, 4.0)
    runs = b"".join(
        b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in GREY[::-1].tolist()
    )
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1).tobytes()
    yield File("BMP", "run lengths", bmp(runs + b"\0\1", 8, compression=1, more=grey), rgb(GREY))
    for name, alpha in [("shades", ALPHA), ("opaque", np.full_like(GREY, 255))]:
        shown = on_white(PICTURE, alpha)
        data = _bmp_with_alpha(np.dstack([bgr, alpha[::-1]]).tobytes())
        yield File("BMP with alpha", name, data, shown, 0.6)
    data = _bmp_with_alpha(np.dstack([bgr, np.zeros_like(GREY)]).tobytes())
    yield File("BMP with alpha", "0 everywhere, so none", data, PICTURE)
    yield File("BMP broken", "half", bmp(bgr.tobytes()[:1000], 24), refused="truncated")
    yield File("BMP broken", "no bits", bmp(bgr.tobytes(), 0), refused="broken")


def _bmp_with_alpha(pixels: bytes) -> bytes:
    """A bitmap of version 4, whose header states masks for red, green, blue and alpha."""
    header = struct.pack("<IiiHHIIiiII", 108, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels


def _words(colours: np.ndarray) -> bytes:
    red, green, blue = (colours[..., i].astype(int) >> 3 for i in range(3))
    return (red << 10 | green << 5 | blue).astype("<u2").tobytes()


def gifs() -> Iterator[File]:
    """Palettes, transparency, animations and partial frames."""
    for interlace in (0, 1):
        image = Image.fromarray(GREY)
        data = written(image, "GIF", interlace=interlace)
        yield File("GIF", f"grey, interlaced {interlace}", data, rgb(GREY))
        for colours in (2, 16, 256):
            image = Image.fromarray(PICTURE).quantize(colours)
            data = written(image, "GIF", interlace=interlace)
            name = f"{colours} colours, interlaced {interlace}"
            yield File("GIF", name, data, np.asarray(image.convert("RGB")))
    image = Image.fromarray(PICTURE).quantize(16)
    hidden = (np.asarray(image) == 3)[..., None]
    shown_with_alpha = np.where(hidden, 255, np.asarray(image.convert("RGB")))
    data = written(image, "GIF", transparency=3)
    yield File("GIF with alpha", "still", data, shown_with_alpha)
    frames = [image, Image.fromarray(OTHER).quantize(16)]
    for disposal in range(4):
        data = written(image, "GIF", save_all=True, append_images=frames[1:], disposal=disposal)
        shown = np.asarray(image.convert("RGB"))
        yield File("animation", f"GIF, disposal {disposal}", data, shown)
    larger = struct.pack("<HH", WIDTH + 10, HEIGHT + 10)  # a canvas around the frame
    data = bytearray(written(image, "GIF", transparency=3))
    data[6:10] = larger
    shown = np.pad(shown_with_alpha, ((0, 10), (0, 10), (0, 0)), constant_values=255)
    yield File("GIF with alpha", "partial first frame", bytes(data), shown)
    data = bytearray(written(image, "GIF"))
    data[6:10] = larger
    yield File("GIF broken", "partial first frame", bytes(data), refused="does not cover")
    yield File("GIF broken", "no frame", bytes(data[:13]) + b";", refused="broken")
    data[6:10] = struct.pack("<HH", 20_000, 20_000)
    yield File("bomb", "GIF with a huge canvas", bytes(data), refused="over the limit")


def pnms() -> Iterator[File]:
    """Binary and text, any highest value."""
    size = b"%d %d" % (WIDTH, HEIGHT)
    for top in (1, 7, 100, 255, 1023, 4095, 65535):
        grey = np.rint(GREY / 255 * top).astype(int)
        full = np.rint(PICTURE / 255 * top).astype(int)
        within = 0.6 if top > 1 else 1.0
        form = ">u1" if top < 256 else ">u2"
        header = size + b"\n%d\n" % top
        shown_grey = rgb(np.rint(grey * 255 / top).astype(np.uint8))
        shown = np.rint(full * 255 / top).astype(np.uint8)
        data = b"P5\n" + header + grey.astype(form).tobytes()
        yield File("PGM", f"binary, highest {top}", data, shown_grey, within)
        data = b"P6\n" + header + full.astype(form).tobytes()
        yield File("PPM", f"binary, highest {top}", data, shown, within)
        data = b"P2\n# face\n" + header + " ".join(map(str, grey.ravel())).encode() + b"\n"
        yield File("PGM", f"text, highest {top}", data, shown_grey, within)
        data = b"P3\n# face\n" + header + " ".join(map(str, full.ravel())).encode() + b"\n"
        yield File("PPM", f"text, highest {top}", data, shown, within)
    black = (BLACK_AND_WHITE == 0).astype(int)
    data = b"P4\n" + size + b"\n" + packed(black, 1)
    yield File("PBM", "binary", data, rgb(BLACK_AND_WHITE))
    data = b"P1\n" + size + b"\n" + "\n".join("".join(map(str, row)) for row in black).encode()
    yield File("PBM", "text", data, rgb(BLACK_AND_WHITE))
    floats = b"Pf\n" + size + b"\n-1.0\n" + (GREY / 255).astype("<f4").tobytes()
    yield File("PFM", "grey", floats, refused="float")
    for name, data in {
        "short": b"P5\n" + size + b"\n255\n" + GREY.tobytes()[:500],
        "text for a size": b"P5\nten 10\n255\n",
        "highest value 0": b"P5\n" + size + b"\n0\n" + GREY.tobytes(),
        "highest value 70000": b"P5\n" + size + b"\n70000\n" + GREY.tobytes(),
        "no width": b"P5\n0 10\n255\n",
        "above the highest value": b"P2\n2 1\n10\n5 11\n",
    }.items():
        yield File("PNM broken", name, data, refused="broken|truncated|pixels")
    data = b"P5\n20000 20000\n255\n"
    yield File("bomb", "PGM of a huge size", data, refused="over the limit")
    data = b"P5\n100000 1\n255\n" + bytes(100_000)
    yield File("bomb", "PGM over the limit", data, refused="over the limit")


# --- what Pillow writes: WebP, AVIF, JPEG 2000 ---


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
    yield File("WebP broken", "half", data[: len(data) // 2], refused="broken")


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


# --- colour profiles (ICC.1:2001-04) ---


def profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of a display."""
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", start + len(content), len(tag))
        content += tag.ljust(-(-len(tag) // 4) * 4, b"\0")
    size = start + len(content)
    white = _fixed(0.9642, 1.0, 0.8249)
    header = struct.pack(">I4xI", size, 0x02400000) + b"mntr" + space.ljust(4) + b"XYZ "
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + content


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _curve(*levels: int) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(f">I{len(levels)}H", len(levels), *levels)


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(*values)


_RED, _GREEN, _BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
_WHITE = {b"wtpt": _xyz(0.9642, 1.0, 0.8249)}


def srgb_of_light(light: np.ndarray) -> np.ndarray:
    """Light in [0, 1] as levels of sRGB (IEC 61966-2-1)."""
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * curved).astype(np.uint8)


def light_of_srgb(levels: np.ndarray) -> np.ndarray:
    """The inverse of `srgb_of_light`."""
    value = levels / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def profiles() -> Iterator[File]:
    """Profiles that exchange colours, invert or brighten; and ones for another kind of image."""
    srgb_curve = _curve(*(np.rint(light_of_srgb(np.arange(256)) * 65535).astype(int).tolist()))
    primaries = {b"r": _RED, b"g": _GREEN, b"b": _BLUE}

    def colour(order: bytes, curve: bytes) -> bytes:
        tags = dict(_WHITE)
        for name, source in zip(
            (b"r", b"g", b"b"), (order[i : i + 1] for i in range(3)), strict=True
        ):
            tags |= {name + b"XYZ": _xyz(*primaries[source]), name + b"TRC": curve}
        return profile(b"RGB", tags)

    same, swapped = colour(b"rgb", srgb_curve), colour(b"bgr", srgb_curve)
    linear = colour(b"rgb", _curve())
    brighter = srgb_of_light(PICTURE / 255)
    grey_linear = profile(b"GRAY", _WHITE | {b"kTRC": _curve()})
    inverse = profile(b"GRAY", _WHITE | {b"kTRC": _curve(65535, 0)})
    for image_format in ("PNG", "TIFF", "WEBP", "JPEG"):
        options = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}, "JPEG": {"quality": 95}}
        options = options[image_format]
        within = LOSSY if image_format == "JPEG" else 1.0
        for name, icc, shown in [
            ("sRGB", same, PICTURE),
            ("red and blue exchanged", swapped, PICTURE[..., ::-1]),
            ("linear light", linear, brighter),
            ("for grey", inverse, PICTURE),
            ("broken", same[:200], PICTURE),
        ]:
            data = written(PICTURE, image_format, icc_profile=icc, **options)
            yield File("colour profile", f"{image_format}, {name}", data, shown, within)
        if image_format == "WEBP":
            continue  # it has no grey
        for name, icc, light in [("linear", grey_linear, GREY), ("inverse", inverse, 255 - GREY)]:
            data = written(GREY, image_format, icc_profile=icc, **options)
            shown = rgb(srgb_of_light(light / 255))
            yield File("colour profile of grey", f"{image_format}, {name}", data, shown, within)


# --- not images, or not only images ---


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


def files() -> Iterator[File]:
    """All of them."""
    for draw in (
        png_depths,
        png_transparency,
        png_oddities,
        tiff_grey,
        tiff_colour,
        tiff_layouts,
        tiff_oddities,
        jpegs,
        jpeg_oddities,
        bmps,
        gifs,
        pnms,
        webps,
        avifs,
        jpegs_2000,
        profiles,
        truncated,
        followed,
        not_read,
        bombs,
    ):
        yield from draw()

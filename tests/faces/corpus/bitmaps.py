"""BMP, GIF and PBM/PGM/PPM."""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.faces.corpus.pictures import (
    ALPHA,
    BLACK_AND_WHITE,
    GREY,
    HEIGHT,
    OTHER,
    PICTURE,
    WIDTH,
    File,
    on_white,
    packed,
    rgb,
    written,
)


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

"""Colour profiles (ICC.1:2001-04) in files of several formats."""

import struct
from collections.abc import Iterator

import numpy as np

from tests.faces.corpus.pictures import GREY, LOSSY, PICTURE, File, rgb, written


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

"""The pictures of the corpus, and how any of its files is made and judged."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

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


def smooth(seed: int) -> np.ndarray:
    """uint8 [HEIGHT, WIDTH, 3] that lossy formats keep."""
    coarse = np.random.default_rng(seed).integers(30, 226, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


PICTURE = smooth(1)
OTHER = smooth(2)
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


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What an EXIF orientation makes of the stored pixels."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation, ())
    return np.flip(pixels, flips)


def exif(orientation: int, code: int = 3) -> bytes:
    """An EXIF block with nothing but an orientation."""
    tag = struct.pack(">HHI", 0x0112, code, 1) + struct.pack(">HH", orientation, 0)
    return b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\x01" + tag + b"\0\0\0\0"

"""Images of nobody: smooth shapes with some noise, which take about as many bytes as a face."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

# Drawn once each: what a step does with an image does not depend on whether it has seen it before.
DRAWN = 500


def draw_jpegs(side: int, number: int = DRAWN) -> list[bytes]:
    """Different JPEGs of so many pixels a side: some 4 kB each at 112, some 15 kB at 250."""
    draws = np.random.default_rng(0)
    return [_jpeg(draws, side) for _ in range(number)]


def _jpeg(draws: np.random.Generator, side: int) -> bytes:
    shapes = Image.fromarray(draws.integers(0, 256, (9, 9, 3), np.uint8))
    pixels = np.asarray(shapes.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    noisy = np.clip(pixels + draws.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


def write_folder(folder: Path, encoded: Sequence[bytes], images: int, people: int) -> None:
    """`<folder>/<person>/<image>.jpg`: the same few images over and over."""
    for image in range(images):
        home = folder / f"person{image % people:06d}"
        if image < people:
            home.mkdir(parents=True)
        (home / f"{image:07d}.jpg").write_bytes(encoded[image % len(encoded)])

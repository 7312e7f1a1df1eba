"""Very small, very long and plain images."""

from collections.abc import Iterator

import numpy as np

from tests.faces.corpus.pictures import LOSSY, MAX_PIXELS, PICTURE, File, written


def sizes() -> Iterator[File]:
    """A pixel, a line, one colour; and one row more than may be."""
    colours = np.random.default_rng(3).integers(0, 256, (MAX_PIXELS // 100, 100, 3), dtype=np.uint8)
    plain = np.full_like(PICTURE, 90)
    for name, pixels in [
        ("1x1", PICTURE[:1, :1]),
        ("1xN", PICTURE[:, :1]),
        ("Nx1", PICTURE[:1]),
        ("the limit", colours),
        ("plain", plain),
    ]:
        yield File("sizes", f"PNG, {name}", written(pixels, "PNG"), pixels)
    yield File("sizes", "JPEG, 1x1", written(PICTURE[:1, :1], "JPEG"), PICTURE[:1, :1], LOSSY)
    yield File("sizes", "JPEG, plain", written(plain, "JPEG"), plain, LOSSY)
    beyond = np.concatenate([colours, colours[:1]])
    yield File("sizes", "PNG, beyond the limit", written(beyond, "PNG"), refused="over the limit")

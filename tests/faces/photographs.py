"""Pictures with detail, as photographs have, and what becomes of them when handed round."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance

SIZE = (92, 112)


def photograph(person: int, shot: int = 0) -> Image.Image:
    """Shapes of several sizes; RGB. Another shot of a person has other small shapes."""
    large = np.random.default_rng([person, 0])
    small = np.random.default_rng([person, shot, 1])
    pixels = sum(
        np.asarray(
            Image.fromarray(draws.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize(
                SIZE, Image.Resampling.BICUBIC
            ),
            float,
        )
        * share
        for draws, cells, share in ((large, 4, 0.5), (large, 9, 0.2), (small, 14, 0.3))
    )
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert(image.mode)


def scaled(image: Image.Image, factor: float) -> Image.Image:
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.BICUBIC)


def cut(image: Image.Image, share: float) -> Image.Image:
    """Without `share` of the width and of the height, half of it at each edge."""
    across, down = round(image.width * share / 2), round(image.height * share / 2)
    return image.crop((across, down, image.width - across, image.height - down))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 50": lambda image: as_jpeg(image, 50),
    "JPEG 75": lambda image: as_jpeg(image, 75),
    "JPEG 95": lambda image: as_jpeg(image, 95),
    "half the size": lambda image: scaled(image, 0.5),
    "twice the size": lambda image: scaled(image, 2.0),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.1),
    "cut by 2 %": lambda image: cut(image, 0.02),
    "grey": lambda image: image.convert("L"),
}

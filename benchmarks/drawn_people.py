"""Drawn identities: nobody's, but alike in the images of one and unlike another's.

Each is a closed curve of some tone with spots on it, all of it drawn by numbers of its own. An
image of it is moved, turned, resized, lit from some side and laid on another ground, and its
numbers are a little off: so an embedding has to find what stays.
"""

from collections.abc import Iterator

import numpy as np

_WAVES = 4
_SPOTS = 6


def draw_people(
    people: int, images: int, side: int, seed: int = 0, variation: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """So many images of so many identities.

    Args:
      people: how many identities.
      images: of each.
      side: in pixels.
      seed: of the drawings.
      variation: how unlike the images of one identity are; 0: they are all equal.

    Returns:
      uint8 [people * images, side, side, 1] pixels, and int64 labels, in the order of the labels.
    """
    pixels = [
        _draw(_varied(looks, draws), side, draws)
        for looks, generator in _looks(people, seed)
        for draws in [_Draws(generator, variation)]
        for _ in range(images)
    ]
    return np.stack(pixels), np.repeat(np.arange(people), images)


class _Draws:
    """What NumPy's generator draws, with its spread times a factor."""

    def __init__(self, generator: np.random.Generator, spread: float):
        self._generator = generator
        self._spread = spread

    def uniform(self, low: float, high: float, size: int | tuple[int, ...] | None = None):
        """Around the middle of the range."""
        middle, half = (low + high) / 2, (high - low) / 2 * self._spread
        return self._generator.uniform(middle - half, middle + half, size)

    def normal(self, mean: float, deviation: float, size: tuple[int, ...]):
        """Around the mean."""
        return self._generator.normal(mean, deviation * self._spread, size)


def _looks(people: int, seed: int) -> Iterator[tuple[dict[str, np.ndarray], np.random.Generator]]:
    """What each of them looks like, and the draws of their images."""
    for person in range(people):
        draws = np.random.default_rng([seed, person])
        yield (
            {
                "waves": draws.normal(0, 0.05, (_WAVES, 2)),
                "tone": draws.uniform(0.45, 0.75, 1),
                "places": draws.uniform(-0.4, 0.4, (_SPOTS, 2)),
                "widths": draws.uniform(0.05, 0.14, (_SPOTS, 2)),
                "tones": draws.uniform(-0.4, 0.4, _SPOTS),
            },
            draws,
        )


def _varied(looks: dict[str, np.ndarray], draws: _Draws) -> dict[str, np.ndarray]:
    """The same looks, a little off."""
    spread = {"waves": 0.012, "tone": 0.03, "places": 0.025, "widths": 0.008, "tones": 0.06}
    return {
        name: value + draws.normal(0, spread[name], value.shape) for name, value in looks.items()
    }


def _draw(looks: dict[str, np.ndarray], side: int, draws: _Draws) -> np.ndarray:
    """One image, uint8 [side, side, 1]."""
    x, y = _moved_grid(side, draws)
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    orders = np.arange(2, 2 + _WAVES)[:, np.newaxis, np.newaxis]
    cosines, sines = looks["waves"].T[..., np.newaxis, np.newaxis]
    edge = 0.6 + (cosines * np.cos(orders * angle) + sines * np.sin(orders * angle)).sum(axis=0)
    inside = 1 / (1 + np.exp(np.clip((radius - edge) / 0.03, -50, 50)))
    tone = looks["tone"][0] + _spots(looks, x, y)
    light = draws.uniform(-0.25, 0.25, 2)
    lit = tone * draws.uniform(0.7, 1.2) + light[0] * x + light[1] * y
    shown = inside * lit + (1 - inside) * _ground(x, y, draws) + draws.normal(0, 0.04, x.shape)
    return np.clip(255 * shown, 0, 255).astype(np.uint8)[..., np.newaxis]


def _moved_grid(side: int, draws: _Draws) -> tuple[np.ndarray, np.ndarray]:
    """x and y of each pixel in the drawing, which is moved, turned and resized."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    x, y = (axis - shift for axis, shift in zip((x, y), draws.uniform(-0.2, 0.2, 2), strict=True))
    turn, size = draws.uniform(-0.25, 0.25), draws.uniform(0.8, 1.2)
    cosine, sine = np.cos(turn) / size, np.sin(turn) / size
    return cosine * x + sine * y, cosine * y - sine * x


def _spots(looks: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    total = np.zeros_like(x)
    for place, width, tone in zip(looks["places"], looks["widths"], looks["tones"], strict=True):
        total += tone * np.exp(
            -(((x - place[0]) / width[0]) ** 2 + ((y - place[1]) / width[1]) ** 2)
        )
    return total


def _ground(x: np.ndarray, y: np.ndarray, draws: _Draws) -> np.ndarray:
    """Some pattern behind the drawing."""
    waves = draws.uniform(-6, 6, (3, 2))
    phases = draws.uniform(0, 2 * np.pi, 3)
    pattern = sum(
        np.sin(wave[0] * x + wave[1] * y + phase) for wave, phase in zip(waves, phases, strict=True)
    )
    return draws.uniform(0.1, 0.9) + 0.1 * pattern

"""How large the images were that a model was measured on, before they were resized.

Every image reaches the network at one size, enlarged or squeezed to it where need be. A threshold
says little of faces of twenty pixels where hundreds were measured, or of those that were squeezed
otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from pydantic import FiniteFloat

from biometrics.thresholds.measured_images import QUANTILES

# Times the smallest and the largest that was measured: what is not told apart from it yet.
_SIDE_FACTOR = 2.0
_ASPECT_FACTOR = 1.25


@dataclass(frozen=True)
class MeasuredSizes:
    """The sizes of the test images, before they were resized.

    Attributes:
      side: quantiles of the shorter side, in pixels, at `QUANTILES`.
      aspect: quantiles of width over height.
    """

    side: tuple[FiniteFloat, ...]
    aspect: tuple[FiniteFloat, ...]

    def __post_init__(self) -> None:
        for values in (self.side, self.aspect):
            is_rising = len(values) == len(QUANTILES) and not np.any(np.diff(values) < 0)
            if not is_rising or values[0] <= 0:
                raise ValueError(f"sizes have {len(QUANTILES)} quantiles above 0 that never fall")

    def unlike(self, height: int, width: int) -> list[str]:
        """How an image of this size, in pixels, differs from all that was measured."""
        return [
            *_outside("shorter side", min(height, width), self.side, _SIDE_FACTOR),
            *_outside("width over height", width / height, self.aspect, _ASPECT_FACTOR),
        ]


def describe_sizes(heights: ArrayLike, widths: ArrayLike) -> MeasuredSizes:
    """The sizes of the test images; heights and widths are integers [N], in pixels, N above 0."""
    tall, wide = np.asarray(heights), np.asarray(widths)
    return MeasuredSizes(
        side=tuple(np.quantile(np.minimum(tall, wide), QUANTILES).tolist()),
        aspect=tuple(np.quantile(wide / tall, QUANTILES).tolist()),
    )


def _outside(name: str, value: float, measured: Sequence[float], factor: float) -> list[str]:
    low, high = measured[0] / factor, measured[-1] * factor
    if low <= value <= high:
        return []
    return [f"{name} {value:.3g}, where {measured[0]:.3g} to {measured[-1]:.3g} was measured"]

"""Which margins a loss can train with, for the configuration and the losses: without Keras."""

import math
from collections.abc import Sequence

_RANGES = ((0.5, 4.0), (0.0, 1.57), (0.0, 1.0))


def checked_margins(margins: Sequence[float]) -> list[float]:
    """The margins [m1, m2, m3] of the combined loss, cos(m1 theta + m2) - m3.

    m1 theta + m2 must be at least theta up to theta = pi: otherwise the loss would push images away
    from the centre of their own class.

    Returns:
      The same.

    Raises:
      ValueError: there are not three, or they are out of their ranges.
    """
    if len(margins) != 3 or not all(
        least <= margin <= most for margin, (least, most) in zip(margins, _RANGES, strict=True)
    ):
        raise ValueError(
            "must be [m1, m2, m3] with m1 in [0.5, 4], m2 in [0, 1.57] and m3 in [0, 1]. "
            f"Received: {list(margins)}"
        )
    if margins[0] * math.pi + margins[1] < math.pi:
        raise ValueError(
            "must have m1 * pi + m2 >= pi, or images are pushed away from their own centre. "
            f"Received: {list(margins)}"
        )
    return list(margins)

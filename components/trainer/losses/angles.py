"""Sine and angle of a cosine, with finite gradients on all of [-1, 1] and a rounding beyond."""

from keras import ops

# 1 - cos^2 is held above this, where sqrt still has a finite gradient. It is about one float32 step
# below 1, so that an angle is exact to 4e-4 in the worst case, at cos = +-1.
_MIN_SQUARED_SINE = 1e-7


def sine_of(cosine):
    """The sine, at least 3e-4, of the angle in [0, pi] with these cosines, float32."""
    # (1 - c)(1 + c) keeps digits near c = +-1 that 1 - c^2 loses.
    squared_sine = (1.0 - cosine) * (1.0 + cosine)
    return ops.sqrt(ops.maximum(squared_sine, _MIN_SQUARED_SINE))


def angle_of(cosine):
    """The angle in (0, pi) with these cosines, float32."""
    return ops.arctan2(sine_of(cosine), cosine)

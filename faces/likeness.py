"""Whether two pictures are one photograph: re-encoded, resized, brightened, grey, or cut a little.

A perceptual hash only says which pairs are worth a look: different photographs of one person can
have nearly equal hashes. So the pairs are compared in small grey thumbnails, by the correlation of
their pixels, which neither brightness nor contrast changes:

- as they are;
- and, where that is not enough, with one of them cut by up to `MOST_CUT` of its side at each edge,
  by as much as makes them most alike (Gauss-Newton steps on the four cuts, Lucas and Kanade 1981).
  A face that has moved within the frame is no such cut: what is at the edges would have to fit.
"""

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE = 48
MOST_CUT = 0.025

# Correlations from which two thumbnails are one photograph. On the ORL faces, copies as they are
# have 0.9997 and more, cut ones nearly always 0.9983 and more; different photographs of one person
# 0.996 as they are, and 0.9971 with the best cut (benchmarks/duplicates.py).
SAME = 0.999
SAME_WHEN_CUT = 0.9983
# From here on a cut may make them the same: those of the ORL copies' have 0.94 and more uncut.
_WORTH_CUTTING = 0.93

# Standard deviation, in levels: a thumbnail that is nearly plain is like every other such.
_PLAIN = 2.0

_BLUR = 1.0
_STEPS = 4
_BATCH = 64

Pixels = NDArray[np.float32]


def thumbnail_of(encoded: bytes) -> Pixels:
    """The thumbnail of a JPEG or PNG that `encode_image` gave: grey, float32 [SIDE, SIDE]."""
    with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as image:
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return ndimage.gaussian_filter(np.asarray(small, np.float32), _BLUR)


def likeness(first: Pixels, second: Pixels) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Compares two rows of thumbnails.

    Args:
      first: float32 [N, SIDE, SIDE].
      second: likewise.

    Returns:
      The highest correlation found, in [-1, 1], and whether the two are one photograph.
    """
    best = _correlation(first, second)
    is_plain = (np.std(first, axis=(1, 2)) < _PLAIN) | (np.std(second, axis=(1, 2)) < _PLAIN)
    is_same = best >= SAME
    (doubtful,) = np.nonzero(~is_same & ~is_plain & (best >= _WORTH_CUTTING))
    for some in _batches(doubtful):
        cut = np.maximum(
            _cut_to_fit(first[some], second[some]), _cut_to_fit(second[some], first[some])
        )
        is_same[some] = cut >= SAME_WHEN_CUT
        best[some] = np.maximum(best[some], cut)
    return best, is_same & ~is_plain


def _batches(indices: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    for start in range(0, len(indices), _BATCH):
        yield indices[start : start + _BATCH]


def _correlation(first: Pixels, second: Pixels) -> NDArray[np.float64]:
    return np.einsum("ni,ni->n", _normalised(first), _normalised(second)).astype(np.float64)


def _normalised(thumbnails: Pixels) -> Pixels:
    """float32 [N, SIDE * SIDE] of mean 0 and length 1; of a plain one, zeros."""
    flat = thumbnails.reshape(len(thumbnails), SIDE * SIDE)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _cut_to_fit(whole: Pixels, part: Pixels) -> NDArray[np.float64]:
    """The correlation of each `part` with its `whole`, cut to look most like it."""
    cuts = np.zeros((len(whole), 4))  # of the left, right, top and bottom, as shares of the side
    best = np.full(len(whole), -1.0)
    for _ in range(_STEPS):
        seen = _cut(whole, cuts)
        cuts = np.clip(cuts + _step(seen, part), 0, MOST_CUT)
        best = np.maximum(best, _correlation(_cut(whole, cuts), part))
    return best


# Where the pixels' centres are, in shares of the side.
_CENTRES = (np.arange(SIDE) + 0.5) / SIDE


def _cut(whole: Pixels, cuts: NDArray[np.float64]) -> Pixels:
    left, right, top, bottom = (cuts[:, [edge]] for edge in range(4))
    columns = (left + _CENTRES * (1 - left - right)) * SIDE - 0.5
    rows = (top + _CENTRES * (1 - top - bottom)) * SIDE - 0.5
    return _rows_at(_rows_at(whole, rows).transpose(0, 2, 1), columns).transpose(0, 2, 1)


def _rows_at(images: Pixels, rows: NDArray[np.float64]) -> Pixels:
    """Rows between the rows: linear in between. [N, SIDE, SIDE] at [N, SIDE]."""
    rows = np.clip(rows, 0, SIDE - 1)
    above = np.minimum(rows.astype(int), SIDE - 2)
    share = (rows - above).astype(np.float32)[:, :, np.newaxis]
    every = np.arange(len(images))[:, np.newaxis]
    return images[every, above] * (1 - share) + images[every, above + 1] * share


def _step(seen: Pixels, part: Pixels) -> NDArray[np.float64]:
    """By how much to change the cuts, [N, 4].

    The least squares of part = gain * seen + offset + gain * (what the four cuts change in it).
    """
    down, across = np.gradient(seen, axis=(1, 2))
    right, below = _CENTRES.astype(np.float32), _CENTRES.astype(np.float32)[:, np.newaxis]
    terms = [seen, np.ones_like(seen)]
    terms += [across * (1 - right), -across * right, down * (1 - below), -down * below]
    design = np.stack([term.reshape(len(seen), -1) for term in terms], axis=1)
    products = design @ design.transpose(0, 2, 1) + np.eye(6, dtype=np.float32) * 1e-2
    right_side = design @ part.reshape(len(part), -1, 1)
    solved = np.linalg.solve(products.astype(float), right_side.astype(float))[:, :, 0]
    gain = np.where(np.abs(solved[:, :1]) < 0.2, 1.0, solved[:, :1])
    return solved[:, 2:] / gain / SIDE

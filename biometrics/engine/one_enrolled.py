"""Searches in a gallery of a single image of each person, whichever image that is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Float64, Int32, Int64
from biometrics.engine.layout import Layout
from biometrics.engine.scorers import Scorer
from groundfloor.draws import Draw, generator

# Probes that are looked at: at most so many, drawn at random.
MAX_PROBES = 2000
# A product of several rows is much faster than one of each.
_PROBES_AT_A_TIME = 32


@dataclass(frozen=True)
class OneEnrolled:
    """The outcome of each probe that is looked at.

    Attributes:
      identity: int64 [P], the person in the probe.
      probability: float64 [P], in [0, 1], that it finds its person first.
      weight: float64 [P], the probability (n - 1) / n that the image is a probe and not the
        enrolled one.
    """

    identity: Int64
    probability: Float64
    weight: Float64


def search_one_enrolled(layout: Layout, scorer: Scorer) -> OneEnrolled:
    """Searches with every image that has a mate, or with 2,000 of them where there are more."""
    size = layout.sizes[layout.identity]
    probes = np.flatnonzero(size > 1)
    if len(probes) > MAX_PROBES:
        rng = generator(Draw.ONE_ENROLLED_PROBES, 0)  # no figure of all images has a seed
        probes = np.sort(rng.choice(probes, MAX_PROBES, replace=False))
    probability = [
        _probability_first(layout, row, keys)
        for start in range(0, len(probes), _PROBES_AT_A_TIME)
        for row, keys in _keys_of(layout, scorer, probes[start : start + _PROBES_AT_A_TIME])
    ]
    return OneEnrolled(layout.identity[probes], np.array(probability), 1 - 1 / size[probes])


def _keys_of(layout: Layout, scorer: Scorer, rows: Int64) -> Iterator[tuple[int, Int32]]:
    """Some rows, each with its keys against all rows."""
    return zip(rows, scorer.keys(rows, slice(0, layout.images)), strict=True)


def _probability_first(layout: Layout, row: int, keys: Int32) -> float:
    """The product over other people of the share of their images that are farther than the mate."""
    own = slice(layout.first[row], layout.end[row])
    mates = np.sort(np.delete(keys[own], row - own.start))
    people, columns = len(layout.sizes), len(mates) + 1
    beaten_by = np.searchsorted(mates, np.delete(keys, own), side="left")  # mates nearer than it
    cells = np.bincount(
        np.delete(layout.identity, own) * columns + beaten_by, minlength=people * columns
    )
    # Column m: the images of each person that are farther than mate m.
    farther = cells.reshape(people, columns)[:, :0:-1].cumsum(axis=1)[:, ::-1]
    share = farther / layout.sizes[:, None]
    share[layout.identity[row]] = 1.0
    return float(share.prod(axis=0).mean())

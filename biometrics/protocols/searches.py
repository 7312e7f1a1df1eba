"""Searches of probes in a gallery, by blocks: never a matrix of all probes by all the gallery."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Float32, Int64
from biometrics.embeddings import EmbeddingSet
from biometrics.engine.distances import block_distances, rows_at_a_time
from biometrics.engine.inputs import make_scorer


@dataclass(frozen=True)
class Searches:
    """The outcome of each probe's search; a person in the gallery is as far as their nearest image.

    Attributes:
      mate: float32 [P], the distance of the probe's own person; infinity where not enrolled.
      other: float32 [P], the distance of the nearest other person; infinity where there is none.
      rank: int64 [P], 1 + the other people who are at most as far as the mate: a tie counts
        against the model. 0 where the person is not enrolled.
    """

    mate: Float32
    other: Float32
    rank: Int64


def search(images: EmbeddingSet, distance: str, probes: Int64, gallery: Int64) -> Searches:
    """Searches each probe in the gallery.

    Args:
      images: those of `probes` and `gallery` among them.
      distance: `cosine` or `euclidean`.
      probes: int64 [P], images that search.
      gallery: int64 [G], images that are searched, at least one, none of them a probe.

    Time is O(P G D); memory is that of the embeddings and of one block.

    Raises:
      EvaluationError: see `make_scorer`.
    """
    gallery = gallery[np.argsort(images.identity[gallery], kind="stable")]
    scorer = make_scorer(images.embeddings, np.concatenate([gallery, probes]), distance)
    enrolled, starts = np.unique(images.identity[gallery], return_index=True)
    mate = np.full(len(probes), np.inf, np.float32)
    other = np.empty(len(probes), np.float32)
    rank = np.zeros(len(probes), np.int64)
    step = rows_at_a_time(len(gallery))
    for start in range(0, len(probes), step):
        end = min(start + step, len(probes))
        rows = slice(len(gallery) + start, len(gallery) + end)
        block = block_distances(scorer, rows, slice(0, len(gallery)))
        people = np.minimum.reduceat(block, starts, axis=1)
        mated, column = _mates(enrolled, images.identity[probes[start:end]])
        nearest = people[mated, column]
        mate[start + mated] = nearest
        rank[start + mated] = np.count_nonzero(people[mated] <= nearest[:, None], axis=1)
        people[mated, column] = np.inf
        other[start:end] = people.min(axis=1)
    return Searches(mate, other, rank)


def _mates(enrolled: Int64, wanted: Int64) -> tuple[Int64, Int64]:
    """Positions in `wanted` of those who are enrolled, and where in `enrolled` each of them is."""
    column = np.searchsorted(enrolled, wanted)
    is_mated = enrolled[np.minimum(column, len(enrolled) - 1)] == wanted
    return np.flatnonzero(is_mated), column[is_mated]

"""The distances of all pairs of images, counted once for all the figures that need them.

Terms are those of ISO/IEC 19795-1: a *genuine* pair shows one person twice, an *impostor* pair two
people. Every pair (i, j) with i < j counts once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Bool, Int64
from biometrics.engine.counting import Counted
from biometrics.engine.inputs import check_pairs_exist, make_layout, make_scorer
from biometrics.engine.layout import Layout
from biometrics.engine.listed import ListedPairs
from biometrics.engine.local import count_pairs
from biometrics.engine.one_enrolled import OneEnrolled, search_one_enrolled
from biometrics.engine.sample import PairSample
from biometrics.engine.scorers import Scorer
from biometrics.engine.scores import Scores
from biometrics.errors import EvaluationError


@dataclass(frozen=True)
class PairScores:
    """All that is known of the pairs of a set of images.

    Attributes:
      genuine: distances of the genuine pairs.
      impostor: distances of the impostor pairs.
      identity: int64 [N], 0 .. K - 1, the person in each image.
      rank: int64 [N], of each image searching among all others (leave-one-out): 1 + the impostor
        images that are at most as far as its nearest mate; 0 for an image without a mate.
      list_genuine: makes `genuine_sample`.
      list_impostor: makes `impostor_sample`.
      layout: the images sorted by identity.
      scorer: gives the distances of any pairs once more.
    """

    genuine: Scores
    impostor: Scores
    identity: Int64
    rank: Int64
    list_genuine: Callable[[], PairSample]
    list_impostor: Callable[[], PairSample]
    layout: Layout
    scorer: Scorer

    @classmethod
    def of(
        cls, layout: Layout, scorer: Scorer, genuine: Counted, impostor: Counted
    ) -> "PairScores":
        """What was counted, by the images as they were given."""
        identity = np.empty(layout.images, np.int64)
        identity[layout.order] = layout.identity
        rank = np.empty(layout.images, np.int64)
        rank[layout.order] = np.where(layout.sizes[layout.identity] > 1, 1 + impostor.by_row, 0)
        return cls(
            genuine=_scores(genuine, scorer),
            impostor=_scores(impostor, scorer),
            identity=identity,
            rank=rank,
            list_genuine=partial(_sample, genuine, layout, scorer, farthest=True),
            list_impostor=partial(_sample, impostor, layout, scorer, farthest=False),
            layout=layout,
            scorer=scorer,
        )

    @property
    def images(self) -> int:
        """N, the number of images."""
        return len(self.identity)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each identity, int64 [K]."""
        return np.bincount(self.identity)

    @property
    def has_mate(self) -> Bool:
        """Whether another image shows the same person, bool [N]."""
        return self.rank > 0

    @cached_property
    def genuine_sample(self) -> PairSample:
        """Genuine pairs by their images, the farthest first."""
        return self.list_genuine()

    @cached_property
    def impostor_sample(self) -> PairSample:
        """Impostor pairs by their images, the nearest first."""
        return self.list_impostor()

    @cached_property
    def one_enrolled(self) -> OneEnrolled:
        """Searches where the gallery holds a single image of each person."""
        return search_one_enrolled(self.layout, self.scorer)


def score_pairs(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distance: str | ArrayLike = "cosine",
    *,
    kernel: str | None = None,
    threads: int | None = None,
) -> PairScores:
    """Counts the distances of every pair of images once, for all the figures that need them.

    No distance is kept: memory does not grow with the number of pairs. A cosine distance is a
    float32 product, a Euclidean one a float64 product, rounded to a multiple of 2^-21 (of 2^-21 of
    the longest embedding), so that counting the distances that occur is as good as sorting all of
    them: every figure is exactly that of the sorted distances. A matrix is taken as float32.

    Args:
      embeddings: real [N, D]; not looked at when `distance` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distance: "cosine", 1 - cos, in [0, 2]; "euclidean", between the embeddings as given (on
        L2-normalised ones it is sqrt(2 * cosine distance)); or a symmetric real matrix [N, N].
      kernel: "numpy" or "numba" (the extra `fast`); None takes numba where it is installed and
        worth its loading. It changes the time only.
      threads: that count; None means one for each core that this process may use. It changes the
        time only.

    Raises:
      EvaluationError: N < 2, shapes that do not fit, values that are not finite, an embedding
        without direction (all zero) under cosine, no genuine or no impostor pair, or a kernel that
        there is not.

    Example:
      >>> line = [[0.0], [1.0], [5.0], [7.0]]
      >>> pairs = score_pairs(line, ["ann", "ann", "bob", "bob"], "euclidean")
      >>> pairs.genuine.values, pairs.genuine.counts
      (array([1., 2.], dtype=float32), array([1, 1]))
      >>> pairs.impostor.values, pairs.impostor.counts
      (array([4., 5., 6., 7.], dtype=float32), array([1, 1, 1, 1]))
    """
    layout, scorer = prepare_pairs(embeddings, labels, distance)
    genuine, impostor = count_pairs(layout, scorer, kernel=kernel, threads=threads)
    return PairScores.of(layout, scorer, genuine, impostor)


def prepare_pairs(
    embeddings: ArrayLike | None, labels: ArrayLike, distance: str | ArrayLike
) -> tuple[Layout, Scorer]:
    """Checks what `score_pairs` is given, and sorts it by identity. Args and errors are its own."""
    layout = make_layout(labels)
    shape = np.asarray(embeddings).shape
    if isinstance(distance, str) and shape[:1] != (layout.images,):
        raise EvaluationError(
            "There must be an embedding for each label. "
            f"Received: embeddings of shape {shape} and {layout.images} labels"
        )
    scorer = make_scorer(embeddings, layout.order, distance)
    check_pairs_exist(layout)
    return layout, scorer


def _scores(counted: Counted, scorer: Scorer) -> Scores:
    keys, counts = counted.by_key
    distances = scorer.distances(keys)
    is_new = np.append(True, distances[1:] > distances[:-1])
    if is_new.all():
        return Scores(distances, counts)
    # Keys beyond the ends of the range have the distances of the ends.
    starts = np.flatnonzero(is_new)
    return Scores(distances[starts], np.add.reduceat(counts, starts))


def _sample(counted: Counted, layout: Layout, scorer: Scorer, *, farthest: bool) -> PairSample:
    tail, rest = counted.listed(farthest=farthest)
    listed = ListedPairs.joined([tail, rest])
    first, second = layout.order[listed.first], layout.order[listed.second]
    copies = np.ones(len(listed))
    copies[len(tail) :] = (int(counted.by_key.counts.sum()) - len(tail)) / max(len(rest), 1)
    return PairSample(
        np.minimum(first, second),
        np.maximum(first, second),
        scorer.distances(listed.keys),
        copies,
        len(tail),
    )

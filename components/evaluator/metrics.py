"""Face verification and identification figures from embeddings, without TFX or TensorFlow.

Terms are those of ISO/IEC 19795-1: a *genuine* pair shows one person twice, an *impostor* pair two
people. A pair is accepted when its distance is at most the threshold, hence

    FAR(t) = |impostor <= t| / |impostor|        FRR(t) = |genuine > t| / |genuine|

(FAR and FRR are used for comparisons here, what the standard calls FMR and FNMR.) Every pair
(i, j) with i < j counts once. All figures come from all scores; nothing is binned or sampled but
the resampling behind the intervals. Scores are float32, so thresholds are compared as float32 too.

The scores of all pairs are kept: 2 N^2 bytes, and as much again for a sorted copy.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from components.errors import UserError

# Rows of the distance matrix that are computed at a time.
BLOCK_ROWS = 256
# Resamples of the identities behind the intervals.
RESAMPLES = 400
# Pairs of each kind that the intervals look at: above it the bulk is thinned, to bound the time.
INTERVAL_PAIRS = 2**16
# Cells (resamples times pairs) that the intervals hold at a time.
INTERVAL_CELLS = 2**19
# Differences of rates below this are rounding.
ROUNDING = 1e-12
ONE_ENROLLED = "Rank-1 (one enrolled)"

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


class EvaluationError(UserError):
    """The figures asked for are undefined on these embeddings, labels or distances."""


def tar_key(far: float) -> str:
    """The name under which the true accept rate at a FAR is reported: `TAR@FAR=1e-03`."""
    return f"TAR@FAR={np.format_float_scientific(far, trim='-', exp_digits=2)}"


def impostor_pairs_needed(far: float) -> int:
    """Impostor pairs below which a FAR is not supported: 3 / FAR.

    With fewer, even no false accept at all leaves the upper 95 % limit of the rate above the
    target (the rule of three, ISO/IEC 19795-1 B.1).
    """
    return math.ceil(3 / far - 1e-9)


@dataclass(frozen=True)
class Searches:
    """The outcome of each probe that has a mate.

    Attributes:
      identity: int64 [P].
      rank: int64 [P], 1 or more, in leave-one-out.
      one_enrolled: float64 [P], probability in [0, 1] that it finds its person first in a gallery
        of one image each.
      one_enrolled_weight: float64 [P], the probability (n - 1) / n that the image is a probe
        there and not the enrolled one.
    """

    identity: Int64
    rank: Int64
    one_enrolled: Float64
    one_enrolled_weight: Float64


@dataclass(frozen=True)
class PairScores:
    """The distances of all pairs, with the rows sorted by identity.

    Sorting puts the mates of row `i` in rows `first[i]` to `end[i] - 1`, so the genuine pairs
    (i, j > i) have j in `i + 1 .. end[i] - 1` and the impostor pairs j in `end[i] .. N - 1`. That
    order makes the two people of a pair a matter of arithmetic: no index is stored by pair.

    Attributes:
      genuine: float32 [G], distances of the genuine pairs, by (i, j).
      impostor: float32 [M], distances of the impostor pairs, by (i, j).
      order: int64 [N], the image that stands in each row.
      identity: int64 [N], 0 .. K - 1 by row, ascending.
    """

    genuine: Float32
    impostor: Float32
    order: Int64
    identity: Int64

    @property
    def images(self) -> int:
        """N, the number of images."""
        return len(self.order)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each identity, int64 [K]."""
        return np.bincount(self.identity)

    @cached_property
    def first(self) -> Int64:
        """The first row of the identity of each row, int64 [N]."""
        return np.searchsorted(self.identity, self.identity, side="left")

    @cached_property
    def end(self) -> Int64:
        """One past the last row of the identity of each row, int64 [N]."""
        return np.searchsorted(self.identity, self.identity, side="right")

    @cached_property
    def sorted_genuine(self) -> Float32:
        """Genuine distances, ascending, float32 [G]."""
        return np.sort(self.genuine)

    @cached_property
    def sorted_impostor(self) -> Float32:
        """Impostor distances, ascending, float32 [M]."""
        return np.sort(self.impostor)

    @cached_property
    def searches(self) -> Searches:
        """The search of every image that has a mate among all other images; O(N^2)."""
        return _search_all(self)

    @cached_property
    def _genuine_start(self) -> Int64:
        return _starts(self.end - np.arange(self.images) - 1)

    @cached_property
    def _impostor_start(self) -> Int64:
        return _starts(self.images - self.end)

    def genuine_rows(self, positions: Int64) -> tuple[Int64, Int64]:
        """The rows (i, j) of the genuine pairs at these positions, int64 [P] each."""
        row = np.searchsorted(self._genuine_start, positions, side="right") - 1
        return row, row + 1 + positions - self._genuine_start[row]

    def impostor_rows(self, positions: Int64) -> tuple[Int64, Int64]:
        """The rows (i, j) of the impostor pairs at these positions, int64 [P] each."""
        row = np.searchsorted(self._impostor_start, positions, side="right") - 1
        return row, self.end[row] + positions - self._impostor_start[row]

    def genuine_of(self, row: int) -> Float32:
        """Distances of one row to its mates, float32 [n - 1]."""
        before = np.arange(self.first[row], row)
        start = self._genuine_start[row]
        return np.concatenate(
            [
                self.genuine[self._genuine_start[before] + row - before - 1],
                self.genuine[start : start + self.end[row] - row - 1],
            ]
        )

    def impostors_of(self, row: int) -> Float32:
        """Distances of one row to the images of everybody else, by row, float32 [N - n]."""
        before = np.arange(self.first[row])
        start = self._impostor_start[row]
        return np.concatenate(
            [
                self.impostor[self._impostor_start[before] + row - self.end[before]],
                self.impostor[start : start + self.images - self.end[row]],
            ]
        )


def _starts(lengths: Int64) -> Int64:
    return np.concatenate([[0], np.cumsum(lengths)])


def score_pairs(
    embeddings: ArrayLike | None, labels: ArrayLike, distance: str | ArrayLike = "cosine"
) -> PairScores:
    """Computes the distance of every pair of images once, for all the figures that need it.

    Products and differences are taken in float64 and the score is rounded to float32: pairs that
    are equally far apart tie, whatever the order of the images and the tiling of the product.

    Args:
      embeddings: real [N, D]; not looked at when `distance` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distance: "cosine", 1 - cos, in [0, 2]; "euclidean", between the embeddings as given (on
        L2-normalised ones it is sqrt(2 * cosine distance)); or a symmetric real matrix [N, N].

    Raises:
      EvaluationError: N < 2, shapes that do not fit, values that are not finite, an embedding
        without direction (all zero) under cosine, no genuine or no impostor pair.
    """
    names = _checked_labels(labels)
    identity = np.unique(names, return_inverse=True)[1]
    order = np.argsort(identity, kind="stable")
    if isinstance(distance, str):
        blocks = _blocks_of_embeddings(_checked_embeddings(embeddings, len(names)), order, distance)
    else:
        blocks = _blocks_of_matrix(_checked_matrix(distance, len(names)), order)
    identity = identity[order]
    _check_pairs_exist(identity)
    return PairScores(*_split_pairs(blocks, identity), order=order, identity=identity)


def _checked_labels(labels: ArrayLike) -> NDArray[Any]:
    names = np.asarray(labels)
    if names.ndim != 1 or len(names) < 2:
        raise EvaluationError(
            "The evaluation needs one label for each of at least two images. "
            f"Received: labels of shape {names.shape}"
        )
    return names


def _checked_embeddings(embeddings: ArrayLike | None, images: int) -> NDArray[Any]:
    values = np.asarray(embeddings)
    if values.ndim != 2 or len(values) != images or values.dtype.kind not in "iuf":
        raise EvaluationError(
            f"The embeddings must be numbers of shape [N, D] with N = {images} labels. "
            f"Received: {values.dtype} of shape {values.shape}"
        )
    _check_finite(values, "embeddings")
    return values


def _checked_matrix(matrix: ArrayLike, images: int) -> NDArray[Any]:
    values = np.asarray(matrix)
    if values.shape != (images, images) or values.dtype.kind not in "iuf":
        raise EvaluationError(
            f"The distance matrix must hold numbers of shape [{images}, {images}], as many as "
            f"there are labels. Received: {values.dtype} of shape {values.shape}"
        )
    _check_finite(values, "distances")
    if not np.allclose(values, values.T):
        raise EvaluationError(
            "The distance matrix must be symmetric: a pair counts once. "
            f"Received: entries that differ by up to {np.abs(values - values.T).max():g}"
        )
    return values


def _check_finite(values: NDArray[Any], name: str) -> None:
    bad = [row for row, vector in enumerate(values) if not np.isfinite(vector).all()]
    if bad:
        raise EvaluationError(
            f"The {name} must be finite. Received: NaN or infinity in {len(bad)} of "
            f"{len(values)} rows, the first of them row {bad[0]}"
        )


def _check_pairs_exist(identity: Int64) -> None:
    sizes = np.bincount(identity)
    if sizes.max() < 2:
        raise EvaluationError(
            "FRR and Rank-N need a genuine pair: at least one person with two images. "
            f"Received: {len(identity)} images of {len(sizes)} people"
        )
    if len(sizes) < 2:
        raise EvaluationError(
            "FAR and Rank-N need an impostor pair: images of at least two people. "
            f"Received: {len(identity)} images of one person"
        )


def _blocks_of_matrix(matrix: NDArray[Any], order: Int64) -> Iterator[Float32]:
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        yield matrix[np.ix_(rows, order[start:])].astype(np.float32)


def _blocks_of_embeddings(
    embeddings: NDArray[Any], order: Int64, distance: str
) -> Iterator[Float32]:
    """Yields the distances of 256 rows at a time to all rows from the first of them on."""
    if distance not in ("cosine", "euclidean"):
        raise EvaluationError(
            f"The distance must be cosine, euclidean or a square matrix. Received: {distance!r}"
        )
    norms = _norms(embeddings) if distance == "cosine" else None
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        block = np.empty((len(rows), len(order) - start), np.float32)
        for offset in range(0, block.shape[1], BLOCK_ROWS):
            columns = order[start + offset : start + offset + BLOCK_ROWS]
            tile = block[:, offset : offset + BLOCK_ROWS]
            tile[:] = _distances(embeddings, rows, columns, norms)
        yield block


def _distances(
    embeddings: NDArray[Any], rows: Int64, columns: Int64, norms: Float64 | None
) -> NDArray[Any]:
    left = embeddings[rows].astype(np.float64)
    right = embeddings[columns].astype(np.float64)
    if norms is None:
        # Not from a product: cancellation would give equal embeddings distances above zero.
        return cdist(left, right)
    similarity = left @ right.T / np.outer(norms[rows], norms[columns])
    # Rounded before the subtraction, so that the noise of the product cannot break ties at 0.
    return np.clip(1 - similarity.astype(np.float32), 0, 2)


def _norms(embeddings: NDArray[Any]) -> Float64:
    norms = np.array([np.linalg.norm(vector.astype(np.float64)) for vector in embeddings])
    zero = np.flatnonzero(norms == 0)
    if len(zero):
        raise EvaluationError(
            "The cosine distance needs embeddings that are not zero. Received: "
            f"{len(zero)} zero rows of {len(norms)}, the first of them row {zero[0]}"
        )
    return norms


def _split_pairs(blocks: Iterator[Float32], identity: Int64) -> tuple[Float32, Float32]:
    end = np.searchsorted(identity, identity, side="right")
    rows = np.arange(len(identity))
    genuine = np.empty(np.sum(end - rows - 1), np.float32)
    impostor = np.empty(np.sum(len(identity) - end), np.float32)
    genuine_filled = impostor_filled = start = 0
    for block in blocks:
        row = rows[start : start + len(block), None]
        column = rows[None, start:]
        mates = block[(column > row) & (column < end[row])]
        others = block[column >= end[row]]
        genuine[genuine_filled : genuine_filled + len(mates)] = mates
        impostor[impostor_filled : impostor_filled + len(others)] = others
        genuine_filled += len(mates)
        impostor_filled += len(others)
        start += len(block)
    return genuine, impostor


def calculate_verification_metrics(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distances: str | ArrayLike = "cosine",
    thresholds: ArrayLike | None = None,
) -> dict[str, Any]:
    """FAR, FRR, EER and AUC over all pairs, exact.

    EER is where the two rates cross: the curve of (FAR, FRR) has a vertex for each distinct score
    (pairs that tie move together), and the crossing is interpolated linearly between the last
    vertex with FAR < FRR and the next. So identical embeddings give 0.5, perfectly separated ones
    0, and the order of tied pairs means nothing. It is the EER of scikit-learn's `roc_curve`
    interpolated; tools that take the mean of the rates at the nearest vertex differ by at most
    half a step.

    `EER_threshold` is where a system would be set: the nearer of those two vertices (the second
    where both are as near), in the middle of the gap to the next score. FAR and FRR there are the
    true rates at that threshold, which differ from EER by a step where no threshold makes them
    equal.

    AUC is the probability that a genuine pair is nearer than an impostor pair, ties counted half
    (the Mann-Whitney statistic over the number of comparisons).

    Args:
      embeddings: real [N, D]; not looked at when `distances` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distances: "cosine", "euclidean" or a symmetric matrix [N, N]; see `score_pairs`.
      thresholds: distances [T] at which to give FAR and FRR, in any order; None means at
        `EER_threshold`. They are rounded to float32, as the scores are.

    Returns:
      `FAR`, `FRR`: in [0, 1], floats, or float64 [T] aligned with `thresholds`; `EER`, `AUC`:
      floats in [0, 1]; `EER_threshold`: a float, in the units of the distance.

    Raises:
      EvaluationError: see `score_pairs`; or a threshold is NaN.

    Example:
      >>> line = np.array([[0.0], [0.1], [1.0], [1.1]])
      >>> calculate_verification_metrics(line, ["a", "a", "b", "b"], "euclidean")["EER"]
      0.0
    """
    pairs = score_pairs(embeddings, labels, distances)
    metrics = _verification(pairs)
    if thresholds is not None:
        metrics["FAR"], metrics["FRR"] = error_rates(pairs, thresholds)
    return metrics


def error_rates(pairs: PairScores, thresholds: ArrayLike) -> tuple[Float64, Float64]:
    """FAR and FRR at each threshold, float64 of the shape of `thresholds`; exact."""
    limits = np.asarray(thresholds, dtype=np.float32)
    if np.isnan(limits).any():
        raise EvaluationError(f"Thresholds must be numbers. Received: {thresholds}")
    accepted_impostors = np.searchsorted(pairs.sorted_impostor, limits, side="right")
    accepted_genuine = np.searchsorted(pairs.sorted_genuine, limits, side="right")
    return (
        accepted_impostors / len(pairs.impostor),
        (len(pairs.genuine) - accepted_genuine) / len(pairs.genuine),
    )


def _verification(pairs: PairScores) -> dict[str, float]:
    crossing = _crossing_score(pairs)
    below = np.nextafter(crossing, np.float32(-np.inf))
    far, frr = error_rates(pairs, [below, crossing])
    gap = far - frr
    share = -gap[0] / (gap[1] - gap[0])
    is_nearer = gap.sum() <= ROUNDING
    vertex = crossing if is_nearer else _nearest_score(pairs, crossing, side="left")
    threshold = _middle_of_gap(vertex, _nearest_score(pairs, vertex, side="right"))
    far_there, frr_there = error_rates(pairs, threshold)
    return {
        "FAR": float(far_there),
        "FRR": float(frr_there),
        "EER": float(far[0] + share * (far[1] - far[0])),
        "EER_threshold": float(threshold),
        "AUC": _auc(pairs),
    }


def _crossing_score(pairs: PairScores) -> np.float32:
    """The smallest score at which FAR >= FRR; the largest score always is such a one."""

    def far_reaches_frr(score: np.float32) -> bool:
        far, frr = error_rates(pairs, score)
        return bool(far >= frr)

    candidates = []
    for scores in (pairs.sorted_genuine, pairs.sorted_impostor):
        position = bisect_left(scores, True, key=far_reaches_frr)
        candidates.extend(scores[position : position + 1])
    return min(candidates)


def _nearest_score(pairs: PairScores, score: np.float32, side: str) -> np.float32:
    """The distinct score next below ("left") or above ("right"); `score` if there is none."""
    neighbours = []
    for scores in (pairs.sorted_genuine, pairs.sorted_impostor):
        position = np.searchsorted(scores, score, side=side) - (side == "left")
        neighbours.extend(scores[position : position + 1] if position >= 0 else [])
    if not neighbours:
        return score
    return max(neighbours) if side == "left" else min(neighbours)


def _middle_of_gap(score: np.float32, following: np.float32) -> np.float32:
    middle = np.float32((float(score) + float(following)) / 2)
    # Between neighbouring float32 values there is no middle, and rounding may go up.
    return middle if middle < following else score


def _auc(pairs: PairScores) -> float:
    nearer = np.searchsorted(pairs.sorted_impostor, pairs.sorted_genuine, side="left")
    not_farther = np.searchsorted(pairs.sorted_impostor, pairs.sorted_genuine, side="right")
    comparisons = len(pairs.genuine) * len(pairs.impostor)
    return 1 - (int(nearer.sum()) + int(not_farther.sum())) / (2 * comparisons)


def true_accept_rate(pairs: PairScores, far: float) -> float:
    """The share of genuine pairs accepted at the largest threshold whose FAR is not above `far`.

    The strict convention: where ties or few pairs leave no threshold at exactly `far`, the next
    lower FAR is taken, never the nearest.
    """
    impostors = pairs.sorted_impostor
    allowed = math.floor(far * len(impostors))
    if (allowed + 1) / len(impostors) <= far:  # far * M was rounded down across an integer
        allowed += 1
    accepted = np.searchsorted(pairs.sorted_genuine, impostors[allowed], side="left")
    return float(accepted / len(pairs.genuine))


def calculate_identification_metrics(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distances: str | ArrayLike = "cosine",
    ranks: Sequence[int] = (1, 5),
) -> dict[str, float]:
    """Closed-set Rank-N by leave-one-out: each image searches among all others.

    A probe's rank is 1 + the number of impostor images that are at most as far as its nearest
    mate, so ties count against the model (pessimistic): a model that maps everybody to one point
    gets 0, not 1. A probe without another image of its person has no rank and is not counted.

    Args:
      embeddings: real [N, D]; not looked at when `distances` is a matrix.
      labels: [N], integers or strings, one value for each person.
      distances: "cosine", "euclidean" or a symmetric matrix [N, N]; see `score_pairs`.
      ranks: positive integers.

    Returns:
      `Rank-1`, `Rank-5` ...: the share of probes of at most that rank, floats in [0, 1].

    Raises:
      EvaluationError: see `score_pairs`.
    """
    return _rank_rates(score_pairs(embeddings, labels, distances).searches, ranks)


def calculate_one_enrolled_rank1(
    embeddings: ArrayLike | None, labels: ArrayLike, distances: str | ArrayLike = "cosine"
) -> float:
    """Rank-1 where the gallery holds a single image of each person.

    Which image is enrolled is drawn for each person on its own, all others are probes, and the
    result is the expectation over all those galleries. It needs no simulation: given the enrolled
    mate, a probe is right when every other person's enrolled image is farther, and these draws
    are independent, so the probability is the product over people of the share of their images
    that are farther. The order of the images does not matter, and there is no seed. A tie counts
    against the model. People with one image are always enrolled and never probe.

    Args and errors are those of `calculate_identification_metrics`.

    Returns:
      The expected share of probes that find their person first, in [0, 1].
    """
    return _one_enrolled_rate(score_pairs(embeddings, labels, distances).searches)


def _search_all(pairs: PairScores) -> Searches:
    size = pairs.sizes[pairs.identity]
    probes = np.flatnonzero(size > 1)
    rank = np.empty(len(probes), np.int64)
    one_enrolled = np.empty(len(probes))
    for index, row in enumerate(probes):
        mates = np.sort(pairs.genuine_of(row))
        others = pairs.impostors_of(row)
        rank[index] = 1 + np.count_nonzero(others <= mates[0])
        one_enrolled[index] = _probability_first(pairs, row, mates, others)
    return Searches(pairs.identity[probes], rank, one_enrolled, 1 - 1 / size[probes])


def _probability_first(pairs: PairScores, row: int, mates: Float32, others: Float32) -> float:
    people, columns = len(pairs.sizes), len(mates) + 1
    other_identity = np.delete(pairs.identity, slice(pairs.first[row], pairs.end[row]))
    beaten_by = np.searchsorted(mates, others, side="left")  # mates that are nearer than it
    cells = np.bincount(other_identity * columns + beaten_by, minlength=people * columns)
    # Column m: the images of each person that are farther than mate m.
    farther = cells.reshape(people, columns)[:, :0:-1].cumsum(axis=1)[:, ::-1]
    share = farther / pairs.sizes[:, None]
    share[pairs.identity[row]] = 1.0
    return float(share.prod(axis=0).mean())


def _rank_rates(searches: Searches, ranks: Sequence[int]) -> dict[str, float]:
    return {f"Rank-{rank}": float(np.mean(searches.rank <= rank)) for rank in ranks}


def _one_enrolled_rate(searches: Searches) -> float:
    return float(np.average(searches.one_enrolled, weights=searches.one_enrolled_weight))


def evaluate(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    *,
    distance: str | ArrayLike,
    target_fars: Sequence[float],
    ranks: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """The body of metrics.json for these embeddings; `evaluate_pairs` on their scores."""
    pairs = score_pairs(embeddings, labels, distance)
    return evaluate_pairs(pairs, target_fars=target_fars, ranks=ranks, seed=seed)


def evaluate_pairs(
    pairs: PairScores, *, target_fars: Sequence[float], ranks: Sequence[int], seed: int
) -> dict[str, Any]:
    """The body of metrics.json, of plain Python numbers that `json` can write.

    Args:
      pairs: the scores of all pairs.
      target_fars: FARs in (0, 1) at which the true accept rate is asked for.
      ranks: the N of Rank-N, positive integers.
      seed: of the resampling behind the intervals; the figures themselves have none.

    Returns:
      `FAR`, `FRR`, `EER`, `EER_threshold`, `AUC`, `Rank-N`, `Rank-1 (one enrolled)`,
      `TAR@FAR=...`: numbers; `counts`: `genuine_pairs`, `impostor_pairs`, `identities`, `images`;
      `intervals`: key -> [low, high], see `bootstrap_intervals`; `unsupported`: key -> the
      impostor pairs it needs, where there are fewer than 3 / FAR: such a key has no number.
    """
    needed = {far: impostor_pairs_needed(far) for far in target_fars}
    supported = [far for far in target_fars if needed[far] <= len(pairs.impostor)]
    metrics: dict[str, Any] = _verification(pairs)
    metrics |= _rank_rates(pairs.searches, ranks)
    metrics[ONE_ENROLLED] = _one_enrolled_rate(pairs.searches)
    metrics |= {tar_key(far): true_accept_rate(pairs, far) for far in supported}
    intervals = bootstrap_intervals(
        pairs, metrics["EER_threshold"], fars=supported, ranks=ranks, seed=seed
    )
    metrics["counts"] = {
        "genuine_pairs": len(pairs.genuine),
        "impostor_pairs": len(pairs.impostor),
        "identities": len(pairs.sizes),
        "images": pairs.images,
    }
    metrics["intervals"] = {key: intervals[key] for key in metrics if key in intervals}
    metrics["unsupported"] = {
        tar_key(far): needed[far] for far in target_fars if far not in supported
    }
    return metrics


def bootstrap_intervals(
    pairs: PairScores,
    threshold: float,
    *,
    fars: Sequence[float],
    ranks: Sequence[int],
    seed: int,
) -> dict[str, list[float]]:
    """95 % percentile intervals by resampling identities (the subset bootstrap).

    Pairs of one person are not independent, so people are drawn with replacement and not pairs
    (Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets
    bootstrap", 2004; Poh and Bengio, 2007). A person drawn w times gives genuine pairs the weight
    w, and impostor pairs of people drawn w and v times the weight w v; a person is never an
    impostor to a copy. FAR and FRR are those at the fixed `threshold`; EER, AUC and TAR find
    their own thresholds in each resample. Rank-N draws the probes' people; the gallery stays.
    Resamples without a genuine or an impostor pair are left out.

    The interval of a rate without an observed error is [0, 0]: it says that no resample sees one,
    not that there are none. With few people (say under 20) intervals are somewhat too narrow.

    Time is O(pairs) in each of 400 resamples up to 2^16 pairs of each kind. Above, the genuine
    pairs and the bulk of the impostor pairs are thinned to every k-th, counted k times, and only
    the nearest 2^16 impostor pairs, which decide TAR at a low FAR, are all kept. This leaves the
    resamples unbiased and can only widen the intervals.

    Returns:
      key -> [low, high] for all the keys of metrics.json but `EER_threshold`.
    """
    people = len(pairs.sizes)
    draws = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), RESAMPLES)
    sample = _pair_sample(pairs)
    step = max(1, INTERVAL_CELLS // len(sample.scores))
    chunks = [
        _resampled_rates(sample, draws[start : start + step].astype(np.float64), threshold, fars)
        for start in range(0, RESAMPLES, step)
    ]
    resampled = {key: np.concatenate([chunk[key] for chunk in chunks]) for key in chunks[0]}
    resampled |= _resampled_ranks(pairs.searches, draws, ranks)
    return {key: _percentile_interval(values) for key, values in resampled.items()}


@dataclass(frozen=True)
class _PairSample:
    """The pairs that the resamples reweight, sorted by score.

    scores: float32 [S]; left, right: int64 [S], the two people; is_impostor: bool [S]; copies:
    float64 [S], the pairs that each stands for.
    """

    scores: Float32
    left: Int64
    right: Int64
    is_impostor: NDArray[np.bool_]
    copies: Float64


def _pair_sample(pairs: PairScores) -> _PairSample:
    genuine, genuine_copies = _thinned(np.arange(len(pairs.genuine)))
    impostor, impostor_copies = _thinned_impostors(pairs)
    scores = np.concatenate([pairs.genuine[genuine], pairs.impostor[impostor]])
    rows = np.concatenate(
        [pairs.genuine_rows(genuine), pairs.impostor_rows(impostor)], axis=1, dtype=np.int64
    )
    order = np.argsort(scores, kind="stable")
    return _PairSample(
        scores=scores[order],
        left=pairs.identity[rows[0, order]],
        right=pairs.identity[rows[1, order]],
        is_impostor=order >= len(genuine),
        copies=np.concatenate([genuine_copies, impostor_copies])[order],
    )


def _thinned(positions: Int64) -> tuple[Int64, Float64]:
    """Every k-th position so that at most 2^16 are left, and how many each one stands for."""
    step = max(1, math.ceil(len(positions) / INTERVAL_PAIRS))
    kept = positions[::step]
    return kept, np.full(len(kept), len(positions) / len(kept) if len(kept) else 1.0)


def _thinned_impostors(pairs: PairScores) -> tuple[Int64, Float64]:
    if len(pairs.impostor) <= INTERVAL_PAIRS:
        return _thinned(np.arange(len(pairs.impostor)))
    is_near = pairs.impostor < pairs.sorted_impostor[INTERVAL_PAIRS]
    near = np.flatnonzero(is_near)
    bulk, copies = _thinned(np.flatnonzero(~is_near))
    return np.concatenate([near, bulk]), np.concatenate([np.ones(len(near)), copies])


def _resampled_rates(
    sample: _PairSample, draws: Float64, threshold: float, fars: Sequence[float]
) -> dict[str, Float64]:
    """FAR, FRR, EER, AUC and TAR of each resample, float64 [B] each; draws: float64 [B, K]."""
    weights = draws[:, sample.left] * sample.copies
    vertices = np.flatnonzero(np.append(np.diff(sample.scores) > 0, True))
    impostor = np.where(sample.is_impostor, weights * draws[:, sample.right], 0).cumsum(axis=1)
    genuine = np.where(sample.is_impostor, 0, weights).cumsum(axis=1)
    valid = (impostor[:, -1] > 0) & (genuine[:, -1] > 0)
    far = _curve(impostor[valid], vertices)
    tar = _curve(genuine[valid], vertices)
    at_threshold = np.searchsorted(sample.scores[vertices], np.float32(threshold), side="right")
    rates = {
        "FAR": far[:, at_threshold],
        "FRR": 1 - tar[:, at_threshold],
        "EER": _interpolated_eer(far, 1 - tar),
        "AUC": (np.diff(far) * (tar[:, 1:] + tar[:, :-1]) / 2).sum(axis=1),
    }
    resamples = np.arange(len(far))
    for target in fars:
        last = (far <= target * (1 + 1e-9)).sum(axis=1) - 1
        rates[tar_key(target)] = tar[resamples, last]
    return rates


def _curve(cumulated: Float64, vertices: Int64) -> Float64:
    """The share accepted at each vertex, from none on: float64 [B, V + 1]."""
    shares = cumulated[:, vertices] / cumulated[:, -1:]
    return np.concatenate([np.zeros((len(shares), 1)), shares], axis=1)


def _interpolated_eer(far: Float64, frr: Float64) -> Float64:
    """The crossing of `calculate_verification_metrics` on each row of [B, V + 1] rates."""
    gap = far - frr
    after = np.argmax(gap >= 0, axis=1)
    resamples = np.arange(len(gap))
    low, high = gap[resamples, after - 1], gap[resamples, after]
    start, stop = far[resamples, after - 1], far[resamples, after]
    return start - low / (high - low) * (stop - start)


def _resampled_ranks(searches: Searches, draws: Int64, ranks: Sequence[int]) -> dict[str, Float64]:
    people = draws.shape[1]
    ones = np.ones(len(searches.rank))
    outcomes = {f"Rank-{rank}": (searches.rank <= rank, ones) for rank in ranks}
    outcomes[ONE_ENROLLED] = (searches.one_enrolled, searches.one_enrolled_weight)
    resampled = {}
    for key, (values, weights) in outcomes.items():
        hits = draws @ np.bincount(searches.identity, values * weights, people)
        probes = draws @ np.bincount(searches.identity, weights, people)
        resampled[key] = hits[probes > 0] / probes[probes > 0]
    return resampled


def _percentile_interval(values: Float64) -> list[float]:
    return [float(limit) for limit in np.percentile(values, [2.5, 97.5])]


@dataclass(frozen=True)
class Curves:
    """What the plots draw, thinned to a bounded number of points; each point is exact.

    Attributes:
      thresholds: float32 [T], ascending scores, T at most about 1,000.
      far: float64 [T], FAR at each threshold, ascending.
      frr: float64 [T], FRR at each threshold, descending.
      bin_edges: float64 [B + 1], of the histograms.
      genuine_share: float64 [B], share of the genuine pairs in each bin; sums to 1.
      impostor_share: float64 [B], the same of the impostor pairs.
      cmc: float64 [R], Rank-1 .. Rank-R, leave-one-out.
      eer: in [0, 1].
      eer_threshold: in the units of the distance.
    """

    thresholds: Float32
    far: Float64
    frr: Float64
    bin_edges: Float64
    genuine_share: Float64
    impostor_share: Float64
    cmc: Float64
    eer: float
    eer_threshold: float


def compute_curves(pairs: PairScores, *, bins: int = 60, max_rank: int = 20) -> Curves:
    """The curves of a report: FAR and FRR by threshold, histograms and the CMC."""
    verification = _verification(pairs)
    thresholds = np.unique(
        np.concatenate([_landmarks(pairs.sorted_genuine), _landmarks(pairs.sorted_impostor)])
    )
    far, frr = error_rates(pairs, thresholds)
    edges = _bin_edges(float(thresholds[0]), float(thresholds[-1]), bins)
    ranks = np.arange(1, min(max_rank, pairs.images - 1) + 1)
    return Curves(
        thresholds=thresholds,
        far=far,
        frr=frr,
        bin_edges=edges,
        genuine_share=np.histogram(pairs.genuine, edges)[0] / len(pairs.genuine),
        impostor_share=np.histogram(pairs.impostor, edges)[0] / len(pairs.impostor),
        cmc=np.mean(pairs.searches.rank[:, None] <= ranks, axis=0),
        eer=verification["EER"],
        eer_threshold=verification["EER_threshold"],
    )


def _landmarks(scores: Float32, count: int = 256) -> Float32:
    """Scores evenly spread in rank, and closer and closer towards both ends for log axes."""
    last = len(scores) - 1
    tail = np.geomspace(1, len(scores), count // 2) - 1
    positions = np.concatenate([np.linspace(0, last, count), tail, last - tail])
    return scores[np.unique(positions.round().astype(np.int64))]


def _bin_edges(low: float, high: float, bins: int) -> Float64:
    margin = 0 if high > low else max(abs(high), 1.0) / 2
    return np.linspace(low - margin, high + margin, bins + 1)


@dataclass(frozen=True)
class ScoredPair:
    """Two images, by their index in the embeddings, and their distance."""

    first: int
    second: int
    distance: float


@dataclass(frozen=True)
class WorstPairs:
    """The mistakes a model comes nearest to, or makes.

    Attributes:
      false_accepts: the impostor pairs with the smallest distance, nearest first.
      false_rejects: the genuine pairs with the largest distance, farthest first.
    """

    false_accepts: tuple[ScoredPair, ...]
    false_rejects: tuple[ScoredPair, ...]


def worst_pairs(
    embeddings: ArrayLike | None,
    labels: ArrayLike,
    distance: str | ArrayLike = "cosine",
    count: int = 10,
) -> WorstPairs:
    """The `count` worst pairs of each kind; `find_worst_pairs` on the scores."""
    return find_worst_pairs(score_pairs(embeddings, labels, distance), count)


def find_worst_pairs(pairs: PairScores, count: int = 10) -> WorstPairs:
    """The `count` nearest impostor and farthest genuine pairs, or all where there are fewer."""
    nearest = _smallest(pairs.impostor, count)
    farthest = _smallest(-pairs.genuine, count)
    return WorstPairs(
        false_accepts=_scored(pairs, pairs.impostor_rows(nearest), pairs.impostor[nearest]),
        false_rejects=_scored(pairs, pairs.genuine_rows(farthest), pairs.genuine[farthest]),
    )


def _smallest(scores: Float32, count: int) -> Int64:
    count = min(count, len(scores))
    positions = np.sort(np.argpartition(scores, count - 1)[:count])
    return positions[np.argsort(scores[positions], kind="stable")]


def _scored(
    pairs: PairScores, rows: tuple[Int64, Int64], distances: Float32
) -> tuple[ScoredPair, ...]:
    images = np.sort(pairs.order[np.stack(rows)], axis=0)
    return tuple(
        ScoredPair(int(first), int(second), float(distance))
        for first, second, distance in zip(*images, distances, strict=True)
    )

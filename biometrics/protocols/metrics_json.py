"""The body of metrics.json: all figures of one set of scores."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.figures.metrics import (
    impostor_pairs_needed,
    one_enrolled_rate,
    rank_rates,
    true_accept_rate,
    verification_metrics,
)
from biometrics.figures.names import ONE_ENROLLED, tar_key
from biometrics.intervals.bootstrap import figure_intervals
from biometrics.intervals.rates import BOOTSTRAP


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
    pairs: PairScores,
    *,
    target_fars: Sequence[float],
    ranks: Sequence[int],
    seed: int,
    intervals: str = BOOTSTRAP,
) -> dict[str, Any]:
    """The body of metrics.json, of plain Python numbers that `json` can write.

    Args:
      pairs: the scores of all pairs.
      target_fars: FARs in (0, 1) at which the true accept rate is asked for.
      ranks: the N of Rank-N, positive integers.
      seed: of the resampling behind the intervals; the figures themselves have none.
      intervals: "bootstrap" or "clopper_pearson".

    Returns:
      `FAR`, `FRR`, `EER`, `EER_threshold`, `AUC`, `Rank-N`, `Rank-1 (one enrolled)`,
      `TAR@FAR=...`: numbers; `counts`: `genuine_pairs`, `impostor_pairs`, `identities`, `images`;
      `intervals`: key -> [low, high], see `figure_intervals`; `unsupported`: key -> the
      impostor pairs it needs, where there are fewer than 3 / FAR: such a key has no number.
    """
    needed = {far: impostor_pairs_needed(far) for far in target_fars}
    supported = [far for far in target_fars if needed[far] <= pairs.impostor.total]
    metrics: dict[str, Any] = verification_metrics(pairs)
    metrics |= rank_rates(pairs, ranks)
    metrics[ONE_ENROLLED] = one_enrolled_rate(pairs)
    metrics |= {tar_key(far): true_accept_rate(pairs, far) for far in supported}
    found = figure_intervals(
        pairs,
        metrics["EER_threshold"],
        fars=supported,
        ranks=ranks,
        seed=seed,
        method=intervals,
    )
    metrics["counts"] = {
        "genuine_pairs": pairs.genuine.total,
        "impostor_pairs": pairs.impostor.total,
        "identities": len(pairs.sizes),
        "images": pairs.images,
    }
    metrics["intervals"] = {key: found[key] for key in metrics if key in found}
    metrics["unsupported"] = {
        tar_key(far): needed[far] for far in target_fars if far not in supported
    }
    return metrics

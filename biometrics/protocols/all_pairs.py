"""The protocol `all_pairs`, and the figures of all pairs of anything: the body of metrics.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.engine.pairs import PairScores
from biometrics.figures.metrics import (
    impostor_pairs_needed,
    one_enrolled_rate,
    rank_rates,
    true_accept_rate,
    verification_metrics,
)
from biometrics.figures.names import ONE_ENROLLED, tar_key
from biometrics.figures.protocol_curves import error_curve
from biometrics.intervals.bootstrap import bootstrap_intervals
from biometrics.protocols.base import ProtocolResult
from biometrics.settings import ProtocolSettings


@dataclass(frozen=True)
class AllPairs:
    """Every pair of images, once. Its figures are those at the top level of metrics.json."""

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> None:
        """Every pair is compared: there is nothing to choose."""

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Measures the images; see `measure_pairs`."""
        return verification_result(
            images.pairs(settings.distance), settings, "Every pair of images, compared once."
        )


def measure_pairs(pairs: PairScores, settings: ProtocolSettings) -> dict[str, Any]:
    """The body of metrics.json, of plain Python numbers that `json` can write.

    Args:
      pairs: the scores of all pairs.
      settings: its `target_fars`, `ranks`, `seed` and `intervals` are looked at; the figures
        themselves have no seed.

    Returns:
      `FAR`, `FRR`, `EER`, `EER_threshold`, `AUC`, `Rank-N`, `Rank-1 (one enrolled)`,
      `TAR@FAR=...`: numbers; `counts`: `genuine_pairs`, `impostor_pairs`, `identities`, `images`;
      `intervals`: key -> [low, high], see `bootstrap_intervals`; `unsupported`: key -> the
      impostor pairs it needs, where there are fewer than 3 / FAR: such a key has no number.
    """
    needed = {far: impostor_pairs_needed(far) for far in settings.target_fars}
    supported = [far for far in settings.target_fars if needed[far] <= pairs.impostor.total]
    metrics: dict[str, Any] = verification_metrics(pairs)
    metrics |= rank_rates(pairs, settings.ranks)
    metrics[ONE_ENROLLED] = one_enrolled_rate(pairs)
    metrics |= {tar_key(far): true_accept_rate(pairs, far) for far in supported}
    found = bootstrap_intervals(
        pairs,
        metrics["EER_threshold"],
        fars=supported,
        ranks=settings.ranks,
        seed=settings.seed,
        method=settings.intervals,
    )
    metrics["counts"] = {
        "genuine_pairs": pairs.genuine.total,
        "impostor_pairs": pairs.impostor.total,
        "identities": len(pairs.sizes),
        "images": pairs.images,
    }
    metrics["intervals"] = {key: found[key] for key in metrics if key in found}
    metrics["unsupported"] = {
        tar_key(far): needed[far] for far in settings.target_fars if far not in supported
    }
    return metrics


def verification_result(
    pairs: PairScores,
    settings: ProtocolSettings,
    description: str,
    counts: Mapping[str, int] | None = None,
) -> ProtocolResult:
    """The figures of `measure_pairs` as a protocol's result.

    Args:
      pairs: the scores of all pairs of something.
      settings: of the evaluation.
      description: of the result.
      counts: further counts.
    """
    metrics = measure_pairs(pairs, settings)
    return ProtocolResult(
        description=description,
        figures={key: value for key, value in metrics.items() if isinstance(value, float)},
        counts=metrics["counts"] | (counts or {}),
        intervals=metrics["intervals"],
        unsupported=metrics["unsupported"],
        curves={"det": error_curve(pairs, "far", "frr")},
    )

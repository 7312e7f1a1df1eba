"""The protocol `all_pairs`."""

from collections.abc import Mapping
from dataclasses import dataclass

from biometrics.engine.pair_scores import PairScores
from biometrics.figures.curves import error_curve
from biometrics.protocols.base import (
    ProtocolResult,
    ProtocolSettings,
    TestNames,
    TestSet,
)
from biometrics.protocols.metrics_json import evaluate_pairs


@dataclass(frozen=True)
class AllPairs:
    """Every pair of images, once. Its figures are those at the top level of metrics.json."""

    def plan(self, names: TestNames, settings: ProtocolSettings) -> None:
        """Every pair is compared: there is nothing to choose."""

    def run(self, test: TestSet, settings: ProtocolSettings) -> ProtocolResult:
        """Measures the test set; see `evaluate_pairs`."""
        return verification_result(
            test.pairs(settings.distance), settings, "Every pair of images, compared once."
        )


def verification_result(
    pairs: PairScores,
    settings: ProtocolSettings,
    description: str,
    counts: Mapping[str, int] | None = None,
) -> ProtocolResult:
    """The figures of `evaluate_pairs` as a protocol's result.

    Args:
      pairs: the scores of all pairs of something.
      settings: of the evaluation.
      description: of the result.
      counts: further counts.
    """
    metrics = evaluate_pairs(
        pairs,
        target_fars=settings.target_fars,
        ranks=settings.ranks,
        seed=settings.seed,
        intervals=settings.intervals,
    )
    return ProtocolResult(
        description=description,
        figures={key: value for key, value in metrics.items() if isinstance(value, float)},
        counts=metrics["counts"] | (counts or {}),
        intervals=metrics["intervals"],
        unsupported=metrics["unsupported"],
        curves={"det": error_curve(pairs, "far", "frr")},
    )

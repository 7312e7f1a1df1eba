"""Rank-N and the CMC from the ranks of mated searches."""

from collections.abc import Mapping

from biometrics.arrays import Int64
from biometrics.figures.protocol_curves import cmc
from biometrics.intervals.trials import share_intervals
from biometrics.protocols.base import ProtocolResult
from biometrics.settings import ProtocolSettings


def rank_result(
    rank: Int64,
    identity: Int64,
    settings: ProtocolSettings,
    description: str,
    counts: Mapping[str, int],
) -> ProtocolResult:
    """`Rank-N` for each N asked for, its intervals, and the curve `cmc`.

    Args:
      rank: int64 [P], the rank of the mate in each mated search, 1 or more; P at least 1.
      identity: int64 [P], the person who searches.
      settings: of the evaluation.
      description: of the result.
      counts: of the result.
    """
    found = {f"Rank-{limit}": rank <= limit for limit in settings.ranks}
    return ProtocolResult(
        description=description,
        figures={key: outcome.mean() for key, outcome in found.items()},
        counts=counts,
        intervals=share_intervals(found, identity, settings.seed, settings.intervals),
        curves={"cmc": cmc(rank)},
    )

"""Which statistics new ones are compared with."""

from typing import Any

from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio

CURRENT_KEY = "current"
STATISTICS_KEY = "statistics"


class StatisticsBeforeStrategy(ResolverStrategy):
    """The statistics of the span before; without spans, those that were made before.

    TFX's LatestArtifactStrategy would find the current ones themselves. What was made later does
    not count, so that going back to older data compares those with what came before them, and
    finds its comparison in the cache.

    The inputs are `statistics`, all there are, and `current`, those just made.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """Called by TFX."""
        (current,) = input_dict[CURRENT_KEY]
        before = [
            statistics
            for statistics in input_dict[STATISTICS_KEY]
            if _turn(statistics) < _turn(current) and fileio.exists(statistics.uri)
        ]
        return {
            CURRENT_KEY: [current],
            STATISTICS_KEY: sorted(before, key=_turn)[-1:],
        }


def _turn(statistics: Any) -> tuple[int, int]:
    """In which order statistics follow each other."""
    return statistics.span or 0, statistics.id

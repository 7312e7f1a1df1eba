"""Which model a candidate is compared with."""

from typing import Any

from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)

CANDIDATE_KEY = "candidate"


class LatestOtherBlessedModelStrategy(ResolverStrategy):
    """The latest blessed model that is not the candidate itself.

    TFX's LatestBlessedModelStrategy would, in a second run with nothing changed, compare the cached
    model with itself; and since its evaluation then has an input that it had not before, it could
    not come from the cache either.

    The inputs are `model`, `model_blessing` and `candidate`, the model just trained.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """Called by TFX."""
        candidates = {artifact.id for artifact in input_dict[CANDIDATE_KEY]}
        others = {
            key: [artifact for artifact in artifacts if artifact.id not in candidates]
            for key, artifacts in input_dict.items()
            if key != CANDIDATE_KEY
        }
        resolved = LatestBlessedModelStrategy().resolve_artifacts(store, others)
        return resolved | {CANDIDATE_KEY: input_dict[CANDIDATE_KEY]}

"""Which model a candidate is compared with."""

import os
from typing import Any

from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import path_utils

CANDIDATE_KEY = "candidate"


_SAVED_MODEL = "saved_model.pb"


class LatestOtherBlessedModelStrategy(ResolverStrategy):
    """The latest blessed model that is there still, and is not the candidate itself.

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
            key: [artifact for artifact in artifacts if _is_other(artifact, candidates)]
            for key, artifacts in input_dict.items()
            if key != CANDIDATE_KEY
        }
        resolved = LatestBlessedModelStrategy().resolve_artifacts(store, others)
        return resolved | {CANDIDATE_KEY: input_dict[CANDIDATE_KEY]}


def _is_other(artifact: Any, candidates: set[int]) -> bool:
    """Whether an artifact is no candidate; a model counts only with its files."""
    if artifact.id in candidates:
        return False
    if not isinstance(artifact, standard_artifacts.Model):
        return True
    path = path_utils.serving_model_path(artifact.uri)
    return fileio.exists(os.path.join(path, _SAVED_MODEL))

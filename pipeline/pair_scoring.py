"""Who scores all pairs for a command: this process, or Beam."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from numpy.typing import ArrayLike

from biometrics.embeddings import PairScorer
from biometrics.engine.pair_scores import PairScores, score_pairs
from components.run_environment import IN_PROCESS_BEAM
from groundfloor.errors import UserError
from pipeline.config import Config
from pipeline.quiet import quiet_import


def scorer_of(config: Config, folder: Path) -> PairScorer:
    """What scores all pairs: Beam, in `evaluation.shards` parts, where these are asked for.

    Args:
      config: whose `beam.pipeline_args` say where Beam runs.
      folder: that all of Beam's workers see. What they exchange is in a folder below it meanwhile.

    Raises:
      UserError: Beam is not installed.
    """
    shards = config.evaluation.shards
    if shards is None:
        return score_pairs
    try:
        with quiet_import():
            import apache_beam as beam  # noqa: PLC0415 - seconds

            from components.evaluator.beam_pairs import score_pairs_in_beam  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UserError(
            f"evaluation.shards needs {error.name}, which is not installed: leave it out, and the "
            "pairs are scored in this process"
        ) from None
    options = list(config.beam.pipeline_args or IN_PROCESS_BEAM)

    def score(embeddings: ArrayLike, identities: Sequence[str], distance: str) -> PairScores:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pairs-", dir=folder) as shared:
            return score_pairs_in_beam(
                lambda: beam.Pipeline(argv=options),
                embeddings,
                identities,
                distance,
                shards=shards,
                folder=shared,
            )

    return score

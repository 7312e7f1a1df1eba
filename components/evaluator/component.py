"""FaceEvaluator: a model and the transformed examples in; figures, report and blessing out."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.evaluator import executor
from components.evaluator.config import EvaluationConfig
from components.file_digest import MISSING, file_digest
from components.source_digest import source_digest
from faces.sources import source_at
from groundfloor.errors import UserError
from groundfloor.paths import Location


class FaceEvaluatorSpec(component_spec.ComponentSpec):
    """Specification of FaceEvaluator."""

    PARAMETERS = {
        executor.EVALUATION_CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        executor.SEED_KEY: component_spec.ExecutionParameter(type=int),
        executor.CREDIT_KEY: component_spec.ExecutionParameter(type=str),
        executor.MAX_PIXELS_KEY: component_spec.ExecutionParameter(type=int, optional=True),
        executor.BASELINE_DIR_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        "files_digest": component_spec.ExecutionParameter(type=str),
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        executor.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        executor.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.BASELINE_MODEL_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {
        executor.EVALUATION_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation
        ),
        executor.BLESSING_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing
        ),
    }


class FaceEvaluator(base_beam_component.BaseBeamComponent):
    """Measures a face-recognition model on people it was not trained on.

    Outputs:
      evaluation: `ModelEvaluation` with `metrics.json`, `report.html`, the curves as CSV and NPZ,
        `embeddings.npz` and scalars for TensorBoard.
      blessing: `ModelBlessing`, the standard one that Pusher obeys, with the reasons and, beside
        it, `thresholds.json` to hold distances against.
    """

    SPEC_CLASS = FaceEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        baseline_model: channel.BaseChannel | None = None,
        *,
        config: EvaluationConfig,
        seed: int,
        max_pixels: int,
        credit: str = "",
        baseline_dir: str | None = None,
    ):
        """Constructs the component.

        Args:
          examples: `Examples` of ImageTransform; the split `test` is measured, and `train` gives
            the eigenfaces and Fisherfaces.
          model: `Model` of the Trainer.
          baseline_model: `Model`, the latest blessed one; may resolve to none.
          config: how to measure, and what blesses.
          seed: of the bootstrap, and of the choice of people and images.
          max_pixels: of an image of a verification set, see `encode_image`.
          credit: a line on the source of the images, shown in the report.
          baseline_dir: where Pusher puts the blessed models; without a `baseline_model`, the newest
            of them takes its place.
        """
        super().__init__(
            spec=FaceEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                evaluation_config=config.to_property(),
                seed=seed,
                # Without a set it changes no result.
                max_pixels=max_pixels if config.sets() else None,
                credit=credit,
                baseline_dir=baseline_dir,
                files_digest=_digest_of_files(config.files(), config.image_places()),
                source_digest=source_digest(executor.__name__),
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            )
        )


def _digest_of_files(paths: Iterable[str], image_places: Iterable[Location]) -> str:
    """SHA-256 of the files and images that settings name: else the cache would not see them change.

    What this machine does not have, since the step runs elsewhere, counts as missing.

    Raises:
      UserError: see `file_digest`; or images are there and cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(repr((path, file_digest(path))).encode())
    for place in image_places:
        digest.update(repr((str(place), _fingerprint(place))).encode())
    return digest.hexdigest()


def _fingerprint(place: Location) -> str:
    try:
        return source_at(place).fingerprint()
    except UserError:
        if isinstance(place, Path) and place.exists():
            raise
        return MISSING

"""FaceEvaluator: a model and the transformed examples in; figures, report and blessing out."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.dsl.io import fileio
from tfx.types import channel, component_spec, standard_artifacts

from biometrics.settings import Rules
from components.evaluator import executor
from components.source_digest import source_digest
from groundfloor.errors import UserError


class FaceEvaluatorSpec(component_spec.ComponentSpec):
    """Specification of FaceEvaluator."""

    PARAMETERS = {
        executor.DISTANCE_KEY: component_spec.ExecutionParameter(type=str),
        executor.TARGET_FARS_KEY: component_spec.ExecutionParameter(type=list[float]),
        executor.RANKS_KEY: component_spec.ExecutionParameter(type=list[int]),
        executor.BATCH_SIZE_KEY: component_spec.ExecutionParameter(type=int),
        executor.DEV_SHARE_KEY: component_spec.ExecutionParameter(type=float),
        executor.INTERVALS_KEY: component_spec.ExecutionParameter(type=str),
        executor.PROTOCOLS_KEY: component_spec.ExecutionParameter(type=dict[str, dict[str, Any]]),
        executor.SLICES_FILE_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.SLICE_COLUMNS_KEY: component_spec.ExecutionParameter(type=list[str]),
        executor.SHARDS_KEY: component_spec.ExecutionParameter(type=int, optional=True),
        executor.THRESHOLDS_KEY: component_spec.ExecutionParameter(
            type=dict[str, dict[str, float]]
        ),
        executor.BOUNDS_HOLD_KEY: component_spec.ExecutionParameter(type=str),
        executor.MIN_PEOPLE_KEY: component_spec.ExecutionParameter(type=int),
        # 0 or 1: Kubeflow's parameters have no truth values in TFX.
        executor.BEAT_BASELINES_KEY: component_spec.ExecutionParameter(type=int),
        executor.REQUIRE_THRESHOLD_KEY: component_spec.ExecutionParameter(type=int),
        executor.MAX_REGRESSION_KEY: component_spec.ExecutionParameter(type=float),
        executor.SEED_KEY: component_spec.ExecutionParameter(type=int),
        executor.CREDIT_KEY: component_spec.ExecutionParameter(type=str),
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
        baseline_dir: str | None = None,
        distance: str = "cosine",
        target_fars: Sequence[float] = (0.1, 0.01, 0.001),
        ranks: Sequence[int] = (1, 5),
        batch_size: int = 64,
        dev_share: float = 0.5,
        intervals: str = "bootstrap",
        protocols: Mapping[str, Mapping[str, Any]] | None = None,
        slices_file: str | None = None,
        slice_columns: Sequence[str] = (),
        shards: int | None = None,
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        bounds_hold: str = Rules.bounds_hold,
        min_people: int = Rules.min_people,
        beat_baselines: bool = True,
        require_threshold: bool = True,
        max_regression: float = 0.0,
        seed: int = 42,
        credit: str = "",
    ):
        """Constructs the component.

        Args:
          examples: `Examples` of ImageTransform; the split `test` is measured, and `train` gives
            the eigenfaces and Fisherfaces.
          model: `Model` of the Trainer.
          baseline_model: `Model`, the latest blessed one; may resolve to none.
          baseline_dir: where Pusher puts the blessed models; without a `baseline_model`, the newest
            of them takes its place.
          distance: `cosine` or `euclidean`.
          target_fars: false-accept rates at which the true-accept rate is wanted.
          ranks: the N of Rank-N.
          batch_size: images embedded at a time.
          dev_share: share of the test people on whom thresholds are chosen; the others measure
            them.
          intervals: `bootstrap`, over the people, or `clopper_pearson`.
          protocols: name -> options of the protocols beside all pairs; see
            `biometrics.protocols`.
          slices_file: a table of attributes of people or images.
          slice_columns: its columns to group by.
          shards: parts into which Beam divides the pairs; None: all of them in this process.
          thresholds: metric -> `min` and/or `max` that bless the model.
          bounds_hold: `interval`, for the end of the 95 % interval that can hurt, or `value`.
          min_people: test people with two images or more that there have to be.
          beat_baselines: whether a model that is worse than a baseline is refused.
          require_threshold: whether a model without a threshold to decide with is refused.
          max_regression: how much higher the EER may be than the baseline model's, before a
            significant difference counts.
          seed: of the bootstrap.
          credit: a line on the source of the images, shown in the report.
        """
        super().__init__(
            spec=FaceEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                baseline_dir=baseline_dir,
                distance=distance,
                target_fars=list(target_fars),
                ranks=list(ranks),
                batch_size=batch_size,
                dev_share=dev_share,
                intervals=intervals,
                protocols={name: dict(options) for name, options in (protocols or {}).items()},
                slices_file=slices_file,
                slice_columns=list(slice_columns),
                shards=shards,
                files_digest=_digest_of_files(slices_file, protocols or {}),
                thresholds={name: dict(bound) for name, bound in (thresholds or {}).items()},
                bounds_hold=bounds_hold,
                min_people=min_people,
                beat_baselines=int(beat_baselines),
                require_threshold=int(require_threshold),
                max_regression=max_regression,
                seed=seed,
                credit=credit,
                source_digest=source_digest(executor.__name__),
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            )
        )


def _digest_of_files(slices_file: str | None, protocols: Mapping[str, Mapping[str, Any]]) -> str:
    """SHA-256 of the files that settings name: the cache would else not see them change.

    A file that this machine does not have, since the step runs elsewhere, counts as missing.

    Raises:
      UserError: it is a pipe, a device or a folder, which has no content to wait for.
    """
    digest = hashlib.sha256()
    for path in (slices_file, *(options.get("file") for options in protocols.values())):
        if path:
            content = "missing"
            if os.path.exists(path) and not os.path.isfile(path):
                raise UserError(f"cannot read {path}: not a regular file")
            if fileio.exists(path):
                with fileio.open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            digest.update(repr((path, content)).encode())
    return digest.hexdigest()

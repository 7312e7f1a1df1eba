"""FaceEvaluator: a model and the transformed examples in; figures, report and blessing out."""

from collections.abc import Mapping, Sequence

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.evaluator import executor
from components.source_digest import source_digest


class FaceEvaluatorSpec(component_spec.ComponentSpec):
    """Specification of FaceEvaluator."""

    PARAMETERS = {
        executor.DISTANCE_KEY: component_spec.ExecutionParameter(type=str),
        executor.TARGET_FARS_KEY: component_spec.ExecutionParameter(type=list[float]),
        executor.RANKS_KEY: component_spec.ExecutionParameter(type=list[int]),
        executor.BATCH_SIZE_KEY: component_spec.ExecutionParameter(type=int),
        executor.THRESHOLDS_KEY: component_spec.ExecutionParameter(
            type=dict[str, dict[str, float]]
        ),
        executor.MAX_REGRESSION_KEY: component_spec.ExecutionParameter(type=float),
        executor.SEED_KEY: component_spec.ExecutionParameter(type=int),
        executor.CREDIT_KEY: component_spec.ExecutionParameter(type=str),
        executor.BASELINE_DIR_KEY: component_spec.ExecutionParameter(type=str, optional=True),
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
      evaluation: `ModelEvaluation` with `metrics.json`, `report.html` and `embeddings.npz`.
      blessing: `ModelBlessing`, the standard one that Pusher obeys, with the reasons and, beside
        it, `threshold.json` to hold distances against.
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
        thresholds: Mapping[str, Mapping[str, float]] | None = None,
        max_regression: float = 0.01,
        seed: int = 42,
        credit: str = "",
    ):
        """Constructs the component.

        Args:
          examples: `Examples` of ImageTransform; the split `test` is measured, and `train` gives
            the eigenfaces.
          model: `Model` of the Trainer.
          baseline_model: `Model`, the latest blessed one; may resolve to none.
          baseline_dir: where Pusher puts the blessed models; without a `baseline_model`, the newest
            of them takes its place.
          distance: `cosine` or `euclidean`.
          target_fars: false-accept rates at which the true-accept rate is wanted.
          ranks: the N of Rank-N.
          batch_size: images embedded at a time.
          thresholds: metric -> `min` and/or `max` that bless the model.
          max_regression: how much higher the EER may be than the baseline model's.
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
                thresholds={name: dict(bound) for name, bound in (thresholds or {}).items()},
                max_regression=max_regression,
                seed=seed,
                credit=credit,
                source_digest=source_digest(executor.__name__),
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            )
        )

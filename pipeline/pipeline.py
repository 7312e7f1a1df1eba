"""The DAG: one `create_pipeline` for every runner."""

from dataclasses import asdict, dataclass
from typing import Any

import tensorflow_data_validation as tfdv
from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec

from components.evaluator.component import FaceEvaluator
from components.evaluator.resolver import CANDIDATE_KEY, LatestOtherBlessedModelStrategy
from components.example_gen.component import ImageExampleGen
from components.example_gen.executor import SCALAR_FEATURES
from components.example_gen.splits import TEST, TRAIN, VAL
from components.pusher import executor as pusher_executor
from components.source_digest import source_digest
from components.transform.component import ImageTransform
from pipeline.config import Config

PIPELINE_NAME = "arcface-pipeline"

# Beam's DirectRunner would first try to download another runner; this is the one it falls back to.
# A non-empty image keeps TFX from building a package of itself for workers that there are not.
_IN_PROCESS_BEAM = (
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",
)

_TRAINER_MODULE = "components.trainer.run_fn"


@dataclass(frozen=True)
class TrackingStore:
    """Where MLflow keeps the run.

    Attributes:
      uri: of the tracking store.
      experiment: its name.
      artifact_dir: where a new experiment keeps its artifacts; None: MLflow's default.
    """

    uri: str
    experiment: str
    artifact_dir: str | None = None


@dataclass(frozen=True)
class Places:
    """Where a runner reads and writes.

    Attributes:
      input_dir: the folder of identities.
      pipeline_root: where the artifacts go.
      serving_dir: where a blessed model is pushed to.
      tracking: the MLflow store; None: no tracking.
    """

    input_dir: str
    pipeline_root: str
    serving_dir: str
    tracking: TrackingStore | None


def create_pipeline(
    config: Config, places: Places, metadata_connection_config: Any = None
) -> tfx.dsl.Pipeline:
    """Builds the DAG anew; a runner marks the components that it has run, so none is shared.

    Args:
      config: what to do.
      places: where to do it.
      metadata_connection_config: of MLMD, for a runner that keeps its own.
    """
    return tfx.dsl.Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=places.pipeline_root,
        components=_create_components(config, places),
        enable_cache=True,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=config.beam.pipeline_args or list(_IN_PROCESS_BEAM),
    )


def _create_components(config: Config, places: Places) -> list[Any]:
    data = config.data
    example_gen = ImageExampleGen(
        places.input_dir,
        split_mode=data.split_mode,
        test_split=data.test_split,
        val_split=data.val_split,
        seed=data.seed,
        max_quarantined=data.max_quarantined,
        max_pixels=data.max_pixels,
    )
    transform = ImageTransform(
        example_gen.outputs["examples"], input_shape=config.model.input_shape
    )
    trainer = _trainer(config, places, transform)
    baseline = tfx.dsl.Resolver(
        strategy_class=LatestOtherBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
        **{CANDIDATE_KEY: trainer.outputs["model"]},
    ).with_id("LatestBlessedModel")
    evaluator = _evaluator(config, transform, trainer, baseline)
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=places.serving_dir)
        ),
        custom_executor_spec=executor_spec.ExecutorClassSpec(pusher_executor.Executor),
    )
    return [
        example_gen,
        *_validation(example_gen),
        transform,
        trainer,
        baseline,
        evaluator,
        pusher,
    ]


def _validation(example_gen: ImageExampleGen) -> list[Any]:
    """Statistics of all splits; the training split says what is normal, the others are held to it.

    Identities are left out of it: in identity-disjoint splits, those of `test` are always new.
    """
    statistics_gen = tfx.components.StatisticsGen(
        examples=example_gen.outputs["examples"],
        stats_options=tfdv.StatsOptions(feature_allowlist=list(SCALAR_FEATURES)),
    )
    schema_gen = tfx.components.SchemaGen(
        statistics=statistics_gen.outputs["statistics"], exclude_splits=[VAL, TEST]
    )
    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    return [statistics_gen, schema_gen, example_validator]


def _trainer(config: Config, places: Places, transform: ImageTransform) -> tfx.components.Trainer:
    return tfx.components.Trainer(
        run_fn=f"{_TRAINER_MODULE}.run_fn",
        examples=transform.outputs["transformed_examples"],
        schema=transform.outputs["schema"],
        train_args=tfx.proto.TrainArgs(splits=[TRAIN]),
        eval_args=tfx.proto.EvalArgs(splits=[VAL]),
        custom_config={
            "model": config.model.model_dump(mode="json"),
            "training": config.training.model_dump(mode="json"),
            "seed": config.data.seed,
            "tracking": asdict(places.tracking) if places.tracking else None,
            "source_digest": source_digest(_TRAINER_MODULE),
        },
    )


def _evaluator(
    config: Config, transform: ImageTransform, trainer: tfx.components.Trainer, baseline: Any
) -> FaceEvaluator:
    evaluation = config.evaluation
    return FaceEvaluator(
        transform.outputs["transformed_examples"],
        trainer.outputs["model"],
        baseline.outputs["model"],
        distance=evaluation.distance,
        target_fars=evaluation.target_fars,
        ranks=evaluation.ranks,
        batch_size=evaluation.batch_size,
        thresholds={
            metric: bound.model_dump(exclude_none=True)
            for metric, bound in evaluation.thresholds.items()
        },
        max_regression=evaluation.max_regression,
        seed=config.data.seed,
        credit=config.data.credit,
    )

"""The DAG: one `create_pipeline` for every runner."""

from dataclasses import asdict, dataclass
from typing import Any

import tensorflow_data_validation as tfdv
from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.data_types import RuntimeParameter

from components.evaluator.component import FaceEvaluator
from components.evaluator.resolver import CANDIDATE_KEY, LatestOtherBlessedModelStrategy
from components.example_gen.component import ImageExampleGen
from components.pusher import executor as pusher_executor
from components.source_digest import source_digest
from components.statistics.component import StatisticsGen
from components.trainer.component import FaceTrainer, Hyperparameters
from components.transform.component import ImageTransform
from faces.contract import SCALAR_FEATURES, TEST, TRAIN, VAL
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
      owner: the identity of the metadata store that knows the run; None: there is none to ask.
    """

    uri: str
    experiment: str
    artifact_dir: str | None = None
    owner: str | None = None


@dataclass(frozen=True)
class Places:
    """Where a runner reads and writes.

    Attributes:
      input_dir: the folder of identities, or the parameter that names it at submission.
      pipeline_root: where the artifacts go; None: the runner's own place.
      serving_dir: where a blessed model is pushed to.
      tracking: the MLflow store; None: no tracking.
      baseline_from_pushed: takes the newest model in `serving_dir` for the latest blessed one,
        where the runner has no resolver to ask its metadata store.
    """

    input_dir: str | RuntimeParameter
    pipeline_root: str | None
    serving_dir: str
    tracking: TrackingStore | None
    baseline_from_pushed: bool = False


def create_pipeline(
    config: Config,
    places: Places,
    metadata_connection_config: Any = None,
    hyperparameters: Hyperparameters | None = None,
) -> tfx.dsl.Pipeline:
    """Builds the DAG anew; a runner marks the components that it has run, so none is shared.

    Args:
      config: what to do.
      places: where to do it.
      metadata_connection_config: of MLMD, for a runner that keeps its own.
      hyperparameters: in place of the configuration's, for a runner that sets them at submission.
    """
    return tfx.dsl.Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=places.pipeline_root,
        components=_create_components(config, places, hyperparameters or _hyperparameters(config)),
        enable_cache=True,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=config.beam.pipeline_args or list(_IN_PROCESS_BEAM),
    )


def _create_components(
    config: Config, places: Places, hyperparameters: Hyperparameters
) -> list[Any]:
    data = config.data
    example_gen = ImageExampleGen(
        places.input_dir,
        split_mode=data.split_mode,
        test_split=data.test_split,
        val_split=data.val_split,
        seed=data.seed,
        max_quarantined=data.max_quarantined,
        max_pixels=data.max_pixels,
        follow_links=data.follow_links,
        channels=config.model.input_shape[2],
    )
    transform = ImageTransform(
        example_gen.outputs["examples"], input_shape=config.model.input_shape
    )
    trainer = _trainer(config, places, transform, hyperparameters)
    resolvers = [] if places.baseline_from_pushed else [_latest_blessed_model(trainer)]
    evaluator = _evaluator(config, places, transform, trainer, resolvers)
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
        *resolvers,
        evaluator,
        pusher,
    ]


def _validation(example_gen: ImageExampleGen) -> list[Any]:
    """Statistics of all splits; the training split says what is normal, the others are held to it.

    Identities are left out of it: in identity-disjoint splits, those of `test` are always new.
    """
    statistics_gen = StatisticsGen(
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


def _hyperparameters(config: Config) -> Hyperparameters:
    return Hyperparameters(
        epochs=config.training.epochs,
        batch_size=config.training.batch_size,
        arcface_margin=config.model.arcface_margin,
        arcface_scale=config.model.arcface_scale,
    )


def _trainer(
    config: Config, places: Places, transform: ImageTransform, hyperparameters: Hyperparameters
) -> FaceTrainer:
    return FaceTrainer(
        transform.outputs["transformed_examples"],
        transform.outputs["schema"],
        run_fn=f"{_TRAINER_MODULE}.run_fn",
        train_split=TRAIN,
        val_split=VAL,
        hyperparameters=hyperparameters,
        custom_config={
            "model": config.model.model_dump(mode="json"),
            "training": config.training.model_dump(mode="json"),
            "seed": config.data.seed,
            "tracking": asdict(places.tracking) if places.tracking else None,
            "source_digest": source_digest(_TRAINER_MODULE),
        },
    ).with_id("Trainer")


def _latest_blessed_model(trainer: FaceTrainer) -> tfx.dsl.Resolver:
    return tfx.dsl.Resolver(
        strategy_class=LatestOtherBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
        **{CANDIDATE_KEY: trainer.outputs["model"]},
    ).with_id("LatestBlessedModel")


def _evaluator(
    config: Config,
    places: Places,
    transform: ImageTransform,
    trainer: FaceTrainer,
    resolvers: list[tfx.dsl.Resolver],
) -> FaceEvaluator:
    """Compares with the model of the resolver, where there is one, else with the pushed one."""
    evaluation = config.evaluation
    return FaceEvaluator(
        transform.outputs["transformed_examples"],
        trainer.outputs["model"],
        resolvers[0].outputs["model"] if resolvers else None,
        baseline_dir=None if resolvers else places.serving_dir,
        distance=evaluation.distance,
        target_fars=evaluation.target_fars,
        ranks=evaluation.ranks,
        batch_size=evaluation.batch_size,
        dev_share=evaluation.dev_share,
        intervals=evaluation.intervals,
        protocols=evaluation.protocols.asked(),
        slices_file=evaluation.slices.file if evaluation.slices else None,
        slice_columns=evaluation.slices.columns if evaluation.slices else (),
        shards=evaluation.shards,
        thresholds={
            metric: bound.model_dump(exclude_none=True)
            for metric, bound in evaluation.thresholds.items()
        },
        bounds_hold=evaluation.bounds_hold,
        min_people=evaluation.min_people,
        beat_baselines=evaluation.beat_baselines,
        require_threshold=evaluation.require_threshold,
        max_regression=evaluation.max_regression,
        seed=config.data.seed,
        credit=config.data.credit,
    )

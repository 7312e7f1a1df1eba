"""The DAG: one `create_pipeline` for every runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfx import v1 as tfx
from tfx.orchestration.data_types import RuntimeParameter

from components.evaluator.component import FaceEvaluator
from components.evaluator.resolver import CANDIDATE_KEY, LatestOtherBlessedModelStrategy
from components.example_gen.component import ImageExampleGen
from components.pusher.component import Pusher
from components.run_environment import IN_PROCESS_BEAM
from components.statistics.component import StatisticsGen
from components.trainer.component import FaceTrainer, Hyperparameters
from components.trainer.config import TrainerSettings
from components.transform.component import ImageTransform
from components.validation.component import ExampleValidator, ImportSchemaGen
from components.validation.resolver import (
    CURRENT_KEY,
    STATISTICS_KEY,
    StatisticsBeforeStrategy,
)
from faces.contract import SCALAR_FEATURES, TEST, VAL
from pipeline.config import Config

PIPELINE_NAME = "arcface-pipeline"


@dataclass(frozen=True)
class Places:
    """Where a runner reads and writes.

    Attributes:
      input_dir: the folder of identities or the manifest, or the parameter that names it at
        submission.
      pipeline_root: where the artifacts go; None: the runner's own place.
      serving_dir: where a blessed model is pushed to.
      baseline_from_pushed: takes the newest model in `serving_dir` for the latest blessed one,
        where the runner has no resolver to ask its metadata store.
    """

    input_dir: str | RuntimeParameter
    pipeline_root: str | None
    serving_dir: str
    baseline_from_pushed: bool = False


def create_pipeline(
    config: Config,
    places: Places,
    metadata_connection_config: Any = None,
    hyperparameters: Hyperparameters | None = None,
    beam_args: Sequence[str] = (),
    *,
    name: str | None = None,
) -> tfx.dsl.Pipeline:
    """Builds the DAG anew; a runner marks the components that it has run, so none is shared.

    Args:
      config: what to do.
      places: where to do it.
      metadata_connection_config: of MLMD, for a runner that keeps its own.
      hyperparameters: in place of the configuration's, for a runner that sets them at submission.
      beam_args: options of Beam, for a runner whose steps do not get them from their environment:
        they become part of every cache key. None: Beam runs in the step's process.
      name: of the pipeline in a metadata store that it shares with others.
    """
    return tfx.dsl.Pipeline(
        pipeline_name=name or PIPELINE_NAME,
        pipeline_root=places.pipeline_root,
        components=_create_components(config, places, hyperparameters),
        enable_cache=True,
        metadata_connection_config=metadata_connection_config,
        beam_pipeline_args=list(beam_args or IN_PROCESS_BEAM),
    )


def _create_components(
    config: Config, places: Places, hyperparameters: Hyperparameters | None
) -> list[Any]:
    model, seed = config.model, config.data.seed
    example_gen = ImageExampleGen(
        places.input_dir,
        config.data,
        channels=model.input_shape[2],
        detection=config.image.detection(),
    )
    transform = ImageTransform(
        example_gen.outputs["examples"], input_shape=model.input_shape, image=config.image
    )
    examples = transform.outputs["transformed_examples"]
    trainer = FaceTrainer(
        examples,
        transform.outputs["schema"],
        TrainerSettings(model=model, training=config.training, seed=seed),
        hyperparameters,
    ).with_id("Trainer")
    resolvers = [] if places.baseline_from_pushed else [_latest_blessed_model(trainer)]
    # Compares with the model of the resolver, where there is one, else with the pushed one.
    evaluator = FaceEvaluator(
        examples,
        trainer.outputs["model"],
        resolvers[0].outputs["model"] if resolvers else None,
        config=config.evaluation,
        baseline_dir=None if resolvers else places.serving_dir,
        seed=seed,
        max_pixels=config.data.max_pixels,
        credit=config.data.credit,
    )
    pusher = Pusher(trainer.outputs["model"], evaluator.outputs["blessing"], places.serving_dir)
    return [
        example_gen,
        *_validation(example_gen, config.data.curated_schema, has_store=bool(resolvers)),
        transform,
        trainer,
        *resolvers,
        evaluator,
        pusher,
    ]


def _validation(
    example_gen: ImageExampleGen, curated_schema: str | None, has_store: bool
) -> list[Any]:
    """Statistics of all splits, held to a schema: the curated one, or what the training split is.

    They are also compared with those before, where a metadata store can be asked for them.

    Identities are left out of it: in identity-disjoint splits, those of `test` are always new.
    """
    statistics_gen = StatisticsGen(example_gen.outputs["examples"], SCALAR_FEATURES)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = (
        ImportSchemaGen(curated_schema)
        if curated_schema
        else tfx.components.SchemaGen(statistics=statistics, exclude_splits=[VAL, TEST])
    ).with_id("SchemaGen")
    resolvers = [_statistics_before(statistics)] if has_store else []
    example_validator = ExampleValidator(
        statistics,
        schema_gen.outputs["schema"],
        resolvers[0].outputs[STATISTICS_KEY] if resolvers else None,
    )
    return [statistics_gen, schema_gen, *resolvers, example_validator]


def _statistics_before(statistics: tfx.dsl.Channel) -> tfx.dsl.Resolver:
    return tfx.dsl.Resolver(
        strategy_class=StatisticsBeforeStrategy,
        **{
            STATISTICS_KEY: tfx.dsl.Channel(type=tfx.types.standard_artifacts.ExampleStatistics),
            CURRENT_KEY: statistics,
        },
    ).with_id("StatisticsBefore")


def _latest_blessed_model(trainer: FaceTrainer) -> tfx.dsl.Resolver:
    return tfx.dsl.Resolver(
        strategy_class=LatestOtherBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
        **{CANDIDATE_KEY: trainer.outputs["model"]},
    ).with_id("LatestBlessedModel")

"""Runs one component's real executor on artifacts in a folder, as a launcher would."""

import json
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, channel, standard_artifacts

from components.evaluator import executor as evaluator
from components.evaluator.component import FaceEvaluator
from components.evaluator.config import EvaluationConfig
from components.example_gen import executor as example_gen
from components.example_gen.artifacts import QuarantineReport
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from components.pusher import executor as pusher
from components.run_environment import TrackingStore, in_environment, store_variables
from components.shards import shard_files
from components.trainer import executor as trainer
from components.trainer.component import FaceTrainer
from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig
from components.transform import executor as transform
from components.transform.component import ImageTransform

SMALL_MODEL = ModelConfig(input_shape=[32, 32, 3], embedding_dim=16, arcface_scale=16.0)
SHORT_TRAINING = TrainingConfig(batch_size=8, epochs=2)


def new_artifact(kind: type, folder: Path, artifact_id: int = 1) -> Any:
    """An artifact of a type, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    artifact = kind()
    artifact.uri = str(folder)
    artifact.id = artifact_id
    return artifact


def executor_of(executor_class: type, tmp_dir: Path) -> Any:
    """An executor with the context that a launcher gives it."""
    tmp_dir.mkdir(parents=True, exist_ok=True)
    context = base_beam_executor.BaseBeamExecutor.Context(
        tmp_dir=str(tmp_dir),
        unique_id="1",
        make_beam_pipeline_fn=lambda: beam.Pipeline(runner=FnApiRunner()),
    )
    return executor_class(context)


def run_example_gen(
    source: Path,
    target: Path,
    input_fingerprint: str | None = None,
    channels: int = 3,
    **data: Any,
) -> dict[str, Any]:
    """ImageExampleGen on a folder of identities, with keys of the section `data`; its outputs.

    `input_fingerprint` is what its driver would have seen, where it runs at all.
    """
    component = ImageExampleGen(str(source), DataConfig(**data), channels=channels)
    outputs = {
        "examples": new_artifact(standard_artifacts.Examples, target / "examples"),
        "quarantine": new_artifact(QuarantineReport, target / "quarantine"),
    }
    properties = component.exec_properties | {"input_fingerprint": input_fingerprint}
    executor_of(example_gen.Executor, target / "tmp").Do(
        {}, {key: [value] for key, value in outputs.items()}, properties
    )
    return outputs


def run_transform(examples: Any, target: Path, input_shape: tuple[int, int, int]) -> dict[str, Any]:
    """ImageTransform on examples; its outputs by key."""
    outputs = {
        "transformed_examples": new_artifact(standard_artifacts.Examples, target / "transformed"),
        "schema": new_artifact(standard_artifacts.Schema, target / "schema"),
    }
    executor_of(transform.Executor, target / "tmp").Do(
        {"examples": [examples]},
        {key: [value] for key, value in outputs.items()},
        ImageTransform(
            channel.Channel(type=standard_artifacts.Examples), input_shape=input_shape
        ).exec_properties,
    )
    return outputs


def files_of(examples: Any, split: str) -> list[str]:
    """The files of a split."""
    return shard_files(artifact_utils.get_split_uri([examples], split))


def run_trainer(
    transformed: dict[str, Any],
    target: Path,
    model: ModelConfig = SMALL_MODEL,
    training: TrainingConfig = SHORT_TRAINING,
    tracking: TrackingStore | None = None,
) -> dict[str, Any]:
    """FaceTrainer on transformed examples; its outputs by key."""
    outputs = {
        "model": new_artifact(standard_artifacts.Model, target / "model"),
        "model_run": new_artifact(standard_artifacts.ModelRun, target / "model_run"),
    }
    component = FaceTrainer(
        channel.Channel(type=standard_artifacts.Examples),
        channel.Channel(type=standard_artifacts.Schema),
        TrainerSettings(model=model, training=training, seed=1),
    )
    context = trainer.Executor.Context(tmp_dir=str(target), unique_id="1")
    with in_environment(store_variables(tracking)):
        trainer.Executor(context).Do(
            {"examples": [transformed["transformed_examples"]], "schema": [transformed["schema"]]},
            {key: [value] for key, value in outputs.items()},
            component.exec_properties,
        )
    return outputs


def new_evaluator(credit: str = "", **evaluation: Any) -> FaceEvaluator:
    """FaceEvaluator with keys of the section `evaluation`."""
    return FaceEvaluator(
        channel.Channel(type=standard_artifacts.Examples),
        channel.Channel(type=standard_artifacts.Model),
        config=EvaluationConfig(**evaluation),
        seed=42,
        credit=credit,
    )


def run_evaluator(
    examples: Any, model: Any, target: Path, baseline: Any = None, **options: Any
) -> dict[str, Any]:
    """FaceEvaluator on transformed examples and a model; options as for `new_evaluator`."""
    outputs = {
        "evaluation": new_artifact(standard_artifacts.ModelEvaluation, target / "evaluation"),
        "blessing": new_artifact(standard_artifacts.ModelBlessing, target / "blessing"),
    }
    inputs = {"examples": [examples], "model": [model]}
    if baseline:
        inputs["baseline_model"] = [baseline]
    executor_of(evaluator.Executor, target / "tmp").Do(
        inputs,
        {key: [value] for key, value in outputs.items()},
        new_evaluator(**options).exec_properties,
    )
    return outputs


def run_pusher(model: Any, blessing: Any, destination: Path, target: Path) -> Any:
    """The Pusher with our executor; the pushed model."""
    pushed = new_artifact(standard_artifacts.PushedModel, target / "pushed_model")
    context = pusher.Executor.Context(tmp_dir=str(target), unique_id="1")
    pusher.Executor(context).Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": json.dumps({"filesystem": {"base_directory": str(destination)}})},
    )
    return pushed

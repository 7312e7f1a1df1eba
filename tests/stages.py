"""Runs one component's real executor on artifacts in a folder, as a launcher would."""

import json
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.components.trainer.executor import GenericExecutor
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, channel, standard_artifacts

from components.evaluator import executor as evaluator
from components.evaluator.component import FaceEvaluator
from components.example_gen import executor as example_gen
from components.example_gen.artifacts import QuarantineReport
from components.example_gen.component import ImageExampleGen
from components.pusher import executor as pusher
from components.shards import shard_files
from components.transform import executor as transform
from components.transform.component import ImageTransform
from pipeline.config import ModelConfig, TrainingConfig

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
    source: Path, target: Path, input_fingerprint: str | None = None, **options: Any
) -> dict[str, Any]:
    """ImageExampleGen on a folder of identities; its outputs by key.

    `input_fingerprint` is what its driver would have seen, where it runs at all.
    """
    component = ImageExampleGen(str(source), **options)
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


def run_trainer(transformed: dict[str, Any], target: Path, **changes: Any) -> dict[str, Any]:
    """The stock Trainer with our run_fn; `changes` replace entries of its custom_config."""
    outputs = {
        "model": new_artifact(standard_artifacts.Model, target / "model"),
        "model_run": new_artifact(standard_artifacts.ModelRun, target / "model_run"),
    }
    custom_config = {
        "model": SMALL_MODEL.model_dump(mode="json"),
        "training": SHORT_TRAINING.model_dump(mode="json"),
        "seed": 1,
        "tracking": None,
    }
    properties = {
        "run_fn": "components.trainer.run_fn.run_fn",
        "train_args": '{"splits": ["train"]}',
        "eval_args": '{"splits": ["val"]}',
        "custom_config": json.dumps(custom_config | changes),
    }
    GenericExecutor(GenericExecutor.Context(tmp_dir=str(target), unique_id="1")).Do(
        {"examples": [transformed["transformed_examples"]], "schema": [transformed["schema"]]},
        {key: [value] for key, value in outputs.items()},
        properties,
    )
    return outputs


def run_evaluator(
    examples: Any, model: Any, target: Path, baseline: Any = None, **options: Any
) -> dict[str, Any]:
    """FaceEvaluator on transformed examples and a model."""
    outputs = {
        "evaluation": new_artifact(standard_artifacts.ModelEvaluation, target / "evaluation"),
        "blessing": new_artifact(standard_artifacts.ModelBlessing, target / "blessing"),
    }
    inputs = {"examples": [examples], "model": [model]}
    if baseline:
        inputs["baseline_model"] = [baseline]
    component = FaceEvaluator(
        channel.Channel(type=standard_artifacts.Examples),
        channel.Channel(type=standard_artifacts.Model),
        **options,
    )
    executor_of(evaluator.Executor, target / "tmp").Do(
        inputs, {key: [value] for key, value in outputs.items()}, component.exec_properties
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

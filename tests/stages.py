"""Runs the steps after the data by their real executors, as `benchmarks.steps` runs those."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.types import artifact_utils, channel, standard_artifacts

from benchmarks.steps import executor_of, new_artifact
from components.evaluator import executor as evaluator
from components.evaluator.component import FaceEvaluator
from components.evaluator.config import EvaluationConfig
from components.pusher import executor as pusher
from components.run_environment import TrackingStore, in_environment, store_variables
from components.shards import shard_files
from components.trainer import executor as trainer
from components.trainer.component import FaceTrainer
from components.trainer.config import ModelConfig, TrainerSettings, TrainingConfig
from faces.contract import SPLITS

SMALL_MODEL = ModelConfig(input_shape=[32, 32, 3], embedding_dim=16, arcface_scale=16.0)
SHORT_TRAINING = TrainingConfig(batch_size=8, epochs=2)


def files_of(examples: Any, split: str) -> list[str]:
    """The files of a split."""
    return shard_files(artifact_utils.get_split_uri([examples], split))


def contents_of(examples: Any) -> dict[str, list[bytes]]:
    """The content of each file of each split."""
    return {
        split: [Path(file).read_bytes() for file in files_of(examples, split)] for split in SPLITS
    }


def examples_by_key(examples: Any, split: str) -> dict[str, Any]:
    """The features of each image of a split, by its key."""
    files = files_of(examples, split)
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    features = [tf.train.Example.FromString(record).features.feature for record in records]
    return {f["image/key"].bytes_list.value[0].decode(): f for f in features}


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
        max_pixels=1_000_000,
        credit=credit,
    )


def run_evaluator(
    examples: Any,
    model: Any,
    target: Path,
    baseline: Any = None,
    tracking: TrackingStore | None = None,
    **options: Any,
) -> dict[str, Any]:
    """FaceEvaluator on transformed examples and a model; options as for `new_evaluator`."""
    outputs = {
        "evaluation": new_artifact(standard_artifacts.ModelEvaluation, target / "evaluation"),
        "blessing": new_artifact(standard_artifacts.ModelBlessing, target / "blessing"),
    }
    inputs = {"examples": [examples], "model": [model]}
    if baseline:
        inputs["baseline_model"] = [baseline]
    with in_environment(store_variables(tracking)):
        executor_of(evaluator.Executor, target / "tmp").Do(
            inputs,
            {key: [value] for key, value in outputs.items()},
            new_evaluator(**options).exec_properties,
        )
    return outputs


def run_pusher(
    model: Any,
    blessing: Any,
    destination: Path,
    target: Path,
    tracking: TrackingStore | None = None,
) -> Any:
    """The Pusher with our executor; the pushed model."""
    pushed = new_artifact(standard_artifacts.PushedModel, target / "pushed_model")
    context = pusher.Executor.Context(tmp_dir=str(target), unique_id="1")
    with in_environment(store_variables(tracking)):
        pusher.Executor(context).Do(
            {"model": [model], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": json.dumps({"filesystem": {"base_directory": str(destination)}})},
        )
    return pushed

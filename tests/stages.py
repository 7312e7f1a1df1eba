"""Runs one component's real executor on artifacts in a folder, as a launcher would."""

from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components.example_gen import executor as example_gen
from components.example_gen.artifacts import QuarantineReport
from components.example_gen.component import ImageExampleGen
from components.transform import executor as transform
from components.transform.component import ImageTransform


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


def properties_of(component: Any) -> dict[str, Any]:
    """The execution properties that a component was constructed with, as its executor gets them."""
    return component.spec.exec_properties | {
        key: value for key, value in component.exec_properties.items() if value is not None
    }


def run_example_gen(source: Path, target: Path, **options: Any) -> dict[str, Any]:
    """ImageExampleGen on a folder of identities; its outputs by key."""
    component = ImageExampleGen(str(source), **options)
    outputs = {
        "examples": new_artifact(standard_artifacts.Examples, target / "examples"),
        "quarantine": new_artifact(QuarantineReport, target / "quarantine"),
    }
    executor_of(example_gen.Executor, target / "tmp").Do(
        {}, {key: [value] for key, value in outputs.items()}, properties_of(component)
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
        {"input_shape": list(input_shape)},
    )
    return outputs


def files_of(examples: Any, split: str) -> str:
    """The file pattern of a split."""
    return artifact_utils.get_split_uri([examples], split) + "/*"

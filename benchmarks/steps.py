"""Runs a data step by its real executor, on artifacts in a folder, as a launcher would."""

from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_beam_executor
from tfx.types import channel, standard_artifacts

from components.example_gen import executor as example_gen
from components.example_gen.artifacts import QuarantineReport
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from components.image_config import NO_DETECTION, DetectionConfig, ImageConfig
from components.run_environment import IN_PROCESS_BEAM
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
    """An executor with the context that a launcher gives it; `beam_variables` may change Beam's."""
    tmp_dir.mkdir(parents=True, exist_ok=True)
    context = base_beam_executor.BaseBeamExecutor.Context(
        tmp_dir=str(tmp_dir),
        unique_id="1",
        beam_pipeline_args=list(IN_PROCESS_BEAM),
    )
    return executor_class(context)


def run_example_gen(
    images: Path,
    target: Path,
    input_fingerprint: str | None = None,
    channels: int = 3,
    detection: DetectionConfig = NO_DETECTION,
    **data: Any,
) -> dict[str, Any]:
    """ImageExampleGen on a folder or a manifest, with keys of the section `data`; its outputs.

    `input_fingerprint` is what its driver would have seen, where it runs at all.
    """
    component = ImageExampleGen(
        str(images), DataConfig(**data), channels=channels, detection=detection
    )
    outputs = {
        "examples": new_artifact(standard_artifacts.Examples, target / "examples"),
        "quarantine": new_artifact(QuarantineReport, target / "quarantine"),
    }
    properties = component.exec_properties | {"input_fingerprint": input_fingerprint}
    executor_of(example_gen.Executor, target / "tmp").Do(
        {}, {key: [value] for key, value in outputs.items()}, properties
    )
    return outputs


def run_transform(
    examples: Any, target: Path, input_shape: tuple[int, int, int], **image: Any
) -> dict[str, Any]:
    """ImageTransform on examples, with keys of the section `image`; its outputs by key."""
    outputs = {
        "transformed_examples": new_artifact(standard_artifacts.Examples, target / "transformed"),
        "schema": new_artifact(standard_artifacts.Schema, target / "schema"),
    }
    executor_of(transform.Executor, target / "tmp").Do(
        {"examples": [examples]},
        {key: [value] for key, value in outputs.items()},
        ImageTransform(
            channel.Channel(type=standard_artifacts.Examples),
            input_shape=input_shape,
            image=ImageConfig(**image),
        ).exec_properties,
    )
    return outputs

"""Rules of the lint: what TFX writes and open-source Kubeflow Pipelines cannot run."""

import importlib.util
from collections.abc import Iterator
from itertools import pairwise

from groundfloor.text import shown
from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.finding import Finding

_TFX_ENTRYPOINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"

# Properties that are a folder, whose content is in no cache key.
_FOLDER_PROPERTIES = ("input_base", "baseline_dir", "push_destination")


def check_schema_version(document: PipelineDocument) -> Iterator[Finding]:
    """KFP's API server takes schema 2.1.0 alone."""
    version = document.spec.get("schemaVersion")
    if version != "2.1.0":
        yield Finding(
            "schema-version",
            "pipeline",
            f"KFP takes schema 2.1.0 only (use_pipeline_spec_2_1=True). Received: {shown(version)}",
        )


def check_executors(document: PipelineDocument) -> Iterator[Finding]:
    """Containers and importers run; a resolver is an error in KFP's Argo compiler."""
    if not document.steps:
        yield Finding("executor", "pipeline", "it has no steps")
    for step in document.steps:
        where = f"step {step.name}"
        if "resolver" in step.executor:
            yield Finding(
                "resolver",
                where,
                "open-source KFP has no resolver: take the baseline from the pushed models",
            )
        elif not step.container and "importer" not in step.executor:
            yield Finding("executor", where, f"nothing runs it: executor {step.label!r} is missing")


def check_conditions(document: PipelineDocument) -> Iterator[Finding]:
    """TFX's Cond refers to a key that does not exist where the channel is an input as well."""
    for step in document.steps:
        condition = step.task.get("triggerPolicy", {}).get("condition")
        if condition:
            yield Finding(
                "condition",
                f"step {step.name}",
                f"TFX's conditions fail on KFP; let the step decide itself. Received: {condition}",
            )


def check_defaults(document: PipelineDocument) -> Iterator[Finding]:
    """TFX drops the default of a parameter, and KFP then refuses a run that does not give it."""
    for name, parameter in document.parameters.items():
        if "defaultValue" not in parameter and not parameter.get("isOptional"):
            yield Finding(
                "defaults",
                f"parameter {name}",
                "it has no default, so every run must give it",
                "warning",
            )


def check_lifecycle(document: PipelineDocument) -> Iterator[Finding]:
    """KFP does not run the driver of a file-based ExampleGen (`lifecycle.preCacheCheck`)."""
    for step in document.steps:
        if "lifecycle" in step.container:
            yield Finding(
                "lifecycle", f"step {step.name}", "KFP does not read lifecycle", "warning"
            )


def check_caching(document: PipelineDocument) -> Iterator[Finding]:
    """A step that looks into a folder would be taken from the cache when the folder has changed."""
    for step in document.steps:
        given = step.component.get("inputDefinitions", {}).get("parameters", {})
        folders = [name for name in _FOLDER_PROPERTIES if name in given]
        if folders and step.task.get("cachingOptions", {}).get("enableCache"):
            yield Finding(
                "caching",
                f"step {step.name}",
                f"it is cached, and the cache does not see what is in its {folders[0]}",
            )


def check_entrypoint(document: PipelineDocument) -> Iterator[Finding]:
    """A command that is there, and that knows the folders of KFP's launcher."""
    for step in document.steps:
        command = step.container.get("command", [])
        where = f"step {step.name}"
        if _TFX_ENTRYPOINT in command:
            yield Finding(
                "entrypoint",
                where,
                "TFX's own command opens minio:// itself, and reads no artifact without a type: "
                "use pipeline.kubeflow.entrypoint",
            )
        elif "-m" in command and not _module_exists(dict(pairwise(command)).get("-m", "")):
            yield Finding("entrypoint", where, f"there is no module for the command {command}")
        elif step.container and not command:
            yield Finding(
                "entrypoint", where, "KFP runs the command of the specification, and there is none"
            )


def _module_exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:  # its packages are imported, and may raise anything
        return False

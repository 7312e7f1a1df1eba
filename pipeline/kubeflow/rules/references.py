"""Rules of the lint: parameters, steps and placeholders that are named are there."""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pipeline.kubeflow.document import PipelineDocument, Step
from pipeline.kubeflow.finding import Finding

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\[(?:'([^']*)'|\"([^\"]*)\")\]")
_BY_PARAMETER = {"pvcMount": "pvcNameParameter", "secretAsEnv": "secretNameParameter"}


def check_inputs(document: PipelineDocument) -> Iterator[Finding]:
    """Every parameter of a step has a value, or is one of the pipeline's."""
    for step in document.steps:
        for name, source in step.task.get("inputs", {}).get("parameters", {}).items():
            where = f"step {step.name}: {name}"
            asked = source.get("componentInputParameter")
            if asked is not None and asked not in document.parameters:
                yield Finding("references", where, f"the pipeline has no parameter {asked}")
            elif "runtimeValue" in source and _is_unset(source["runtimeValue"]):
                yield Finding("references", where, "it has no value: runtimeValue.constant")


def _is_unset(value: Mapping[str, Any]) -> bool:
    return value.get("constant") is None and "runtimeParameter" not in value


def check_placeholders(document: PipelineDocument) -> Iterator[Finding]:
    """KFP's driver puts a parameter of the step in the place of `{{$.inputs.parameters['x']}}`."""
    for step in document.steps:
        given = step.task.get("inputs", {}).get("parameters", {})
        container = step.container
        texts = [
            container.get("image", ""),
            *container.get("command", []),
            *container.get("args", []),
        ]
        for found in (found for text in texts for found in _PLACEHOLDER.findall(text)):
            name = "".join(found)
            if name not in given:
                yield Finding("references", f"step {step.name}", f"it has no parameter {name!r}")


def check_order(document: PipelineDocument) -> Iterator[Finding]:
    """A step waits for others that are there, and none for itself, by whatever way."""
    needed = {step.name: _needed(step) for step in document.steps}
    for name, others in needed.items():
        for other in sorted(others - needed.keys()):
            yield Finding("references", f"step {name}", f"it waits for {other}, which is no step")
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        yield Finding("references", "pipeline", f"steps that wait for each other: {circle}")


def _needed(step: Step) -> set[str]:
    """The steps that must be done before."""
    inputs = step.task.get("inputs", {})
    sources = [*inputs.get("artifacts", {}).values(), *inputs.get("parameters", {}).values()]
    producers = {
        source[kind]["producerTask"]
        for source in sources
        for kind in ("taskOutputArtifact", "taskOutputParameter")
        if "producerTask" in source.get(kind, {})
    }
    return producers | set(step.task.get("dependentTasks", []))


def check_platform_references(document: PipelineDocument) -> Iterator[Finding]:
    """A claim or a secret that is named by a parameter: the pipeline has that."""
    for label, config in document.executor_configs.items():
        for kind, key in _BY_PARAMETER.items():
            for item in config.get(kind, []):
                asked = item.get(key, {}).get("componentInputParameter")
                if asked is not None and asked not in document.parameters:
                    yield Finding(
                        "references",
                        f"platform part of {label}",
                        f"{key}: the pipeline has no parameter {asked}",
                    )

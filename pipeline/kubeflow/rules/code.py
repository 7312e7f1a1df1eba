"""Rules of the lint: artifact types, executors and functions that can be imported.

What can be imported here can be in the image too; to be sure, run the lint in the image.
"""

import importlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import yaml

from pipeline.kubeflow.document import PipelineDocument, Step
from pipeline.kubeflow.finding import Finding
from pipeline.yaml_files import YamlError, parse_yaml

# Takes the dotted path of a class or a function; raises ImportError where it cannot be had.
Importer = Callable[[str], Any]

# Titles without a class of their own: TFX cannot know what the artifact is.
_UNTYPED = ("", "tfx.Artifact", "system.Artifact")

# A module given as a file is not in the image, or is packed into a wheel at compile time.
_MODULE_PROPERTIES = ("module_file", "module_path")


def import_by_path(path: str) -> Any:
    """Imports `<module>.<name>`; the title of a standard artifact, `tfx.<Type>`, too.

    Raises:
      ImportError: there is no such thing.
    """
    if path.startswith("tfx.") and path.count(".") == 1:
        compiler_utils = importlib.import_module("tfx.orchestration.kubeflow.v2.compiler_utils")
        path = compiler_utils.TITLE_TO_CLASS_PATH.get(path, path)
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError:
        raise
    except Exception as error:  # a module may raise anything while it is imported
        raise ImportError(f"{path}: {type(error).__name__}: {error}") from None


def check_artifact_types(document: PipelineDocument, importer: Importer) -> Iterator[Finding]:
    """Every artifact has a type, by which TFX finds its class when the step runs."""
    for step in document.steps:
        for definitions in ("inputDefinitions", "outputDefinitions"):
            artifacts = step.component.get(definitions, {}).get("artifacts", {})
            for key, artifact in artifacts.items():
                title = _title(artifact.get("artifactType", {}))
                where = f"step {step.name}: artifact {key}"
                if title in _UNTYPED:
                    yield Finding(
                        "artifact-types", where, f"it has no type of its own. Received: {title!r}"
                    )
                else:
                    yield from _import(importer, title, "artifact-types", where)


def check_executor_classes(document: PipelineDocument, importer: Importer) -> Iterator[Finding]:
    """The executor that a container is to run can be imported."""
    for step in document.steps:
        args = step.container.get("args", [])
        path = _following(args, "--executor_class_path")
        if path:
            yield from _import(importer, path, "executor-classes", f"step {step.name}")


def check_run_fn(document: PipelineDocument, importer: Importer) -> Iterator[Finding]:
    """The function that a Trainer is to call can be imported, and is not given as a file."""
    for step in document.steps:
        for name in _MODULE_PROPERTIES:
            if _constant(step, name):
                yield Finding(
                    "run-fn",
                    f"step {step.name}",
                    f"{name} is a file, which is not in the image: give run_fn by its dotted path",
                )
        run_fn = _constant(step, "run_fn")
        if run_fn:
            yield from _import(importer, run_fn, "run-fn", f"step {step.name}")


def _following(args: list[str], flag: str) -> str:
    """The argument after a flag; empty where there is none."""
    return dict(pairwise(args)).get(flag, "")


def _constant(step: Step, name: str) -> str:
    """The text that a property is given; empty where there is none, or another kind of value."""
    parameter = step.task.get("inputs", {}).get("parameters", {}).get(name, {})
    value = parameter.get("runtimeValue", {}).get("constant")
    return value if isinstance(value, str) else ""


def _title(artifact_type: dict[str, str]) -> str:
    if "schemaTitle" in artifact_type:
        return artifact_type["schemaTitle"]
    try:
        documents = parse_yaml(artifact_type.get("instanceSchema", ""), yaml.SafeLoader)
    except YamlError:
        return ""
    title = documents[0].get("title") if documents and isinstance(documents[0], dict) else None
    return title if isinstance(title, str) else ""


def _import(importer: Importer, path: str, rule: str, where: str) -> Iterator[Finding]:
    try:
        importer(path)
    except ImportError as error:
        yield Finding(rule, where, f"{path} cannot be imported: {error}")

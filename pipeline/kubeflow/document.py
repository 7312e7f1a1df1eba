"""The file of a compiled pipeline: the specification, and the part that only Kubernetes reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from groundfloor.errors import UserError
from groundfloor.text import shown_text
from pipeline.kubeflow.shape import check_shape
from pipeline.yaml_files import YamlError, parse_yaml, read_bounded_text

# Kubernetes takes no object of more than a megabyte and a half, and this becomes one.
_MAX_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Step:
    """One task of the pipeline, with all that the specification says of it.

    Attributes:
      name: of the task.
      task: where its inputs come from, caching, retries.
      component: the types of its inputs and outputs.
      label: of its executor.
      executor: how it is run, such as {"container": {"image": ...}}.
    """

    name: str
    task: dict[str, Any]
    component: dict[str, Any]
    label: str
    executor: dict[str, Any]

    @property
    def container(self) -> dict[str, Any]:
        """The container; empty for a step that has none."""
        return self.executor.get("container", {})


@dataclass(frozen=True)
class PipelineDocument:
    """A pipeline as `kfp` takes it.

    Attributes:
      spec: PipelineSpec, as JSON has it.
      platform: PlatformSpec, the same; empty where Kubernetes has nothing to know.
    """

    spec: dict[str, Any]
    platform: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Those that a run can set: name -> `parameterType` and `defaultValue`."""
        return self.spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})

    @property
    def steps(self) -> list[Step]:
        """The tasks of the pipeline, sorted by name."""
        return list(self._steps())

    @property
    def executor_configs(self) -> dict[str, dict[str, Any]]:
        """Of the platform part: label of an executor -> KubernetesExecutorConfig."""
        kubernetes = self.platform.get("platforms", {}).get("kubernetes", {})
        return kubernetes.get("deploymentSpec", {}).get("executors", {})

    def _steps(self) -> Iterator[Step]:
        executors = self.spec.get("deploymentSpec", {}).get("executors", {})
        components = self.spec.get("components", {})
        tasks = self.spec.get("root", {}).get("dag", {}).get("tasks", {})
        for name, task in sorted(tasks.items()):
            component = components.get(task.get("componentRef", {}).get("name"), {})
            label = component.get("executorLabel", "")
            yield Step(name, task, component, label, executors.get(label, {}))

    def to_yaml(self) -> str:
        """The content of the file; the same pipeline gives the same bytes."""
        documents = [self.spec, self.platform] if self.platform else [self.spec]
        return self._header() + yaml.safe_dump_all(documents, sort_keys=True)

    def _header(self) -> str:
        """Comments as KFP's own compiler writes them, with what a run can set."""
        types = {"STRING": "str", "NUMBER_INTEGER": "int", "NUMBER_DOUBLE": "float"}
        lines = ["# PIPELINE DEFINITION", f"# Name: {self.spec['pipelineInfo']['name']}"]
        if self.parameters:
            lines.append("# Inputs:")
        for name, parameter in sorted(self.parameters.items()):
            kind = types[parameter["parameterType"]]
            lines.append(f"#    {name}: {kind} [Default: {parameter.get('defaultValue')!r}]")
        return "\n".join(lines) + "\n"


def read_document(path: Path) -> PipelineDocument:
    """Reads a compiled pipeline.

    Raises:
      UserError: the file cannot be read, or is no compiled pipeline.
    """
    file = shown_text(str(path))
    try:
        # YAML 1.1, as those read it that take the file.
        documents = parse_yaml(read_bounded_text(path, _MAX_BYTES), yaml.SafeLoader)
    except YamlError as error:
        raise UserError(f"{file} is {error}") from None
    documents = [part for part in documents if part is not None]
    specs = [part for part in documents if isinstance(part, dict) and "pipelineInfo" in part]
    platforms = [part for part in documents if isinstance(part, dict) and "platforms" in part]
    if len(specs) != 1 or len(platforms) > 1 or len(specs) + len(platforms) != len(documents):
        raise UserError(
            f"{file}: a compiled pipeline is one document with pipelineInfo, and at most one with "
            f"platforms. Received: {len(documents)} documents, {len(specs)} with pipelineInfo"
        )
    platform = platforms[0] if platforms else {}
    check_shape(specs[0], platform, file)
    return PipelineDocument(specs[0], platform)

"""All the values in a compiled pipeline, also those within JSON text."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from groundfloor.text import shown_text
from pipeline.kubeflow.document import PipelineDocument


@dataclass(frozen=True)
class Value:
    """A string somewhere in a pipeline.

    Attributes:
      where: the parameter, argument or environment variable, for a person to find it.
      name: the innermost key, such as "uri"; empty for one in a list or an argument.
      text: the string itself.
    """

    where: str
    name: str
    text: str


def all_values(document: PipelineDocument) -> Iterator[Value]:
    """Defaults of parameters, constants given to steps, environments, and flags of containers."""
    for name, parameter in document.parameters.items():
        yield from _strings(f"parameter {name}", name, parameter.get("defaultValue"))
    for step in document.steps:
        for name, source in step.task.get("inputs", {}).get("parameters", {}).items():
            constant = source.get("runtimeValue", {}).get("constant")
            yield from _strings(f"step {step.name}: {name}", name, constant)
        for variable in step.container.get("env", []):
            where = f"step {step.name}: environment {variable['name']}"
            yield from _strings(where, variable["name"], variable.get("value", ""))
        for argument in step.container.get("args", []):
            flag, equals, text = argument.partition("=")
            if equals and flag.startswith("--"):
                yield Value(f"step {step.name}: argument {flag}", flag, text)


def _strings(where: str, name: str, value: Any) -> Iterator[Value]:
    """The strings in a value, in their order; a list of what is to be looked at bounds no depth."""
    waiting = [(where, name, value)]
    while waiting:
        where, name, value = waiting.pop()
        decoded = _from_json(value) if isinstance(value, str) else value
        if isinstance(decoded, dict):
            waiting += [(f"{where}.{key}", key, item) for key, item in reversed(decoded.items())]
        elif isinstance(decoded, list):
            waiting += [(where, "", item) for item in reversed(decoded)]
        elif isinstance(value, str):
            yield Value(shown_text(where), name, value)


def _from_json(text: str) -> dict[str, Any] | list[Any] | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or an absurdly long number or deep nesting
        return None

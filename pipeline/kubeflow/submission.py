"""What goes to the server: a pipeline, and what a run sets, in the types that it declares."""

import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundfloor.credentials import has_credentials
from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text
from pipeline.kubeflow.document import PipelineDocument


@dataclass(frozen=True)
class Submission:
    """What is to be run.

    Attributes:
      file: the compiled pipeline, a YAML file.
      document: its content.
      arguments: name of a runtime parameter -> value, of the declared type.
      experiment: name of the experiment, which is created if there is none.
      run_name: what the run is called.
      service_account: whose rights the steps have; None for the cluster's default.
    """

    file: Path
    document: PipelineDocument
    arguments: Mapping[str, Any]
    experiment: str
    run_name: str
    service_account: str | None = None


def typed_parameters(
    declared: Mapping[str, Mapping[str, Any]], given: Sequence[str]
) -> dict[str, Any]:
    """Reads parameters in the types that the server will insist on.

    Args:
      declared: name -> `parameterType` and, if there is one, `defaultValue`, as
        `PipelineDocument.parameters` has them.
      given: such as `["epochs=20", "data-dir=/mnt/faces"]`.

    Returns:
      Name -> value of those given; the server takes the defaults of the others.

    Raises:
      UserError: one is unknown, given twice, missing, of another type, or holds credentials.
    """
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise UserError(
                f"a parameter is name=value, such as epochs=20. Received: {shown_text(item)}"
            )
        if name not in declared:
            raise UserError(
                f"the pipeline has no parameter {shown_text(name)}{_suggestion(name, declared)}"
            )
        if name in values:
            raise UserError(f"a parameter can be given once. Received twice: {shown_text(name)}")
        if has_credentials(text):
            raise UserError(
                f"{shown_text(name)} looks like it holds a password, a token or a key (not shown "
                "here), and KFP shows the parameters of a run: put it into a Kubernetes secret, "
                "and that into kubeflow.secrets"
            )
        values[name] = _typed(name, declared[name].get("parameterType"), text)
    missing = [
        name
        for name, parameter in declared.items()
        if name not in values
        and "defaultValue" not in parameter
        and not parameter.get("isOptional")
    ]
    if missing:
        raise UserError(f"parameters without a default must be given. Missing: {sorted(missing)}")
    return values


def _suggestion(name: str, declared: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, declared, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (it has: {', '.join(sorted(declared))})"


def _typed(name: str, kind: Any, text: str) -> Any:
    try:
        meaning, read = _TYPES[kind]
    except KeyError:
        raise UserError(
            f"{name} is of a type that cannot be set here; there are {', '.join(_TYPES)}. "
            f"Received: {shown(kind)}"
        ) from None
    try:
        return read(text)
    except (ValueError, RecursionError):
        raise UserError(f"{name} must be {meaning}. Received: {shown_text(text)}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("JSON has no such number")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError("the server takes 64 bits")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


def _json(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text, parse_constant=_no_constant)
        if not isinstance(value, kind):
            raise ValueError(f"not a {kind.__name__}")
        return value

    return read


# Name in the specification -> how to say it, and how to read it.
_TYPES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("a text", str),
    "NUMBER_INTEGER": ("a whole number", _whole),
    "NUMBER_DOUBLE": ("a number", _finite),
    "BOOLEAN": ("true or false", _json(bool)),
    "LIST": ("a list in JSON", _json(list)),
    "STRUCT": ("an object in JSON", _json(dict)),
}

"""Objects of Kubernetes' API, held to the description of it that its own Python client has."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes import client

_KINDS = {
    "v1/Service": client.V1Service,
    "v1/Secret": client.V1Secret,
    "apps/v1/Deployment": client.V1Deployment,
    "apps/v1/StatefulSet": client.V1StatefulSet,
}
_PLAIN = {"str": str, "int": int, "bool": bool, "object": (str, int, dict), "float": (int, float)}


def faults_of(document: Mapping[str, Any]) -> list[str]:
    """What the API would refuse, a line each: fields it lacks or has not, values of other types.

    Raises:
      KeyError: a kind that no file here has had yet.
    """
    kind = _KINDS[f"{document['apiVersion']}/{document['kind']}"]
    return list(_faults(kind, document, document["kind"]))


def _faults(kind: type, values: Any, where: str) -> Iterator[str]:
    if not isinstance(values, dict):
        yield f"{where}: expected a mapping"
        return
    names = {json_name: name for name, json_name in kind.attribute_map.items()}
    for key in values.keys() - names.keys():
        yield f"{where}.{key}: unknown"
    known = {names[key]: values[key] for key in values if key in names}
    try:
        kind(**known)
    except ValueError as error:
        yield f"{where}: {error}"
    for name, value in known.items():
        yield from _typed(kind.openapi_types[name], value, f"{where}.{kind.attribute_map[name]}")


def _typed(declared: str, value: Any, where: str) -> Iterator[str]:
    """Faults of a value that is declared as `str`, `V1Pod`, `list[V1Pod]` or `dict(str, str)`."""
    listed = re.fullmatch(r"list\[(.*)\]", declared)
    mapped = re.fullmatch(r"dict\(str, (.*)\)", declared)
    if listed and isinstance(value, list):
        for place, item in enumerate(value):
            yield from _typed(listed[1], item, f"{where}[{place}]")
    elif mapped and isinstance(value, dict):
        for key, item in value.items():
            yield from _typed(mapped[1], item, f"{where}.{key}")
    elif declared in _PLAIN:
        is_number_by_chance = isinstance(value, bool) and declared != "bool"
        if is_number_by_chance or not isinstance(value, _PLAIN[declared]):
            yield f"{where}: expected {declared}. Received: {value!r}"
    elif listed or mapped:
        yield f"{where}: expected {declared}. Received: {value!r}"
    else:
        yield from _faults(getattr(client, declared), value, where)

"""Tensors of the Open Inference Protocol, version 2: as JSON, and with its binary extension.

A tensor of `BYTES` is base64 in JSON, as texts or as `{"b64": text}`; in the binary extension each
element follows its length, a little-endian uint32. The numbers of a tensor may be nested as its
shape says, or flat. See https://github.com/open-inference/open-inference-protocol and, for the
binary extension, Triton's protocol/extension_binary_data.
"""

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from serving.service.refusals import Refusal

HEADER_LENGTH = "Inference-Header-Content-Length"

_BINARY_SIZE = "binary_data_size"
_NUMBERS: dict[str, np.dtype[Any]] = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4")}
_KINDS = {"UINT8": "iu", "FP32": "iuf"}
_MAX_RANK = 8


class InferInput(BaseModel):
    """A tensor of a request."""

    name: str
    shape: list[int] = Field(min_length=1, max_length=_MAX_RANK)
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class InferOutput(BaseModel):
    """A tensor that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(BaseModel):
    """The body of a request, or its JSON part."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: list[InferInput] = Field(min_length=1, max_length=_MAX_RANK)
    outputs: list[InferOutput] = Field([], max_length=_MAX_RANK)


@dataclass(frozen=True)
class Tensor:
    """A tensor that was received.

    Attributes:
      datatype: as the protocol names it.
      shape: of it.
      values: the elements of `BYTES`, or numbers of that shape.
    """

    datatype: str
    shape: tuple[int, ...]
    values: list[bytes] | np.ndarray


def read_request(body: bytes, header_length: str | None) -> tuple[InferRequest, dict[str, Tensor]]:
    """A request, and its tensors by name.

    Args:
      body: all of it.
      header_length: the value of `HEADER_LENGTH`: bytes of the JSON part, where there is another.

    Raises:
      Refusal: it is not what the protocol says.
    """
    end = _header_end(header_length, len(body))
    try:
        request = InferRequest.model_validate_json(body[:end], strict=True)
    except ValidationError as error:
        raise _refused(_first(error)) from None
    rest, tensors = body[end:], {}
    for given in request.inputs:
        if given.name in tensors:
            raise _refused(f"the input {given.name!r} is given twice")
        size = given.parameters.get(_BINARY_SIZE)
        if size is None:
            tensors[given.name] = _from_json(given)
        else:
            part, rest = _part(given.name, rest, size)
            tensors[given.name] = _from_bytes(given, part)
    if rest:
        raise _refused(f"{len(rest)} bytes belong to no input: say {_BINARY_SIZE}")
    return request, tensors


def write_response(
    content: dict[str, Any], embeddings: np.ndarray, binary: bool
) -> tuple[bytes, dict[str, str]]:
    """The body of an answer, and its headers.

    Args:
      content: all but the outputs.
      embeddings: float32 [N, D], the output.
      binary: whether they follow the JSON as they are.
    """
    output: dict[str, Any] = {
        "name": "embedding",
        "datatype": "FP32",
        "shape": list(embeddings.shape),
    }
    raw = embeddings.astype("<f4").tobytes() if binary else b""
    if binary:
        output["parameters"] = {_BINARY_SIZE: len(raw)}
    else:
        output["data"] = embeddings.ravel().tolist()
    text = json.dumps(content | {"outputs": [output]}, allow_nan=False).encode()
    if not binary:
        return text, {"Content-Type": "application/json"}
    return text + raw, {
        "Content-Type": "application/octet-stream",
        HEADER_LENGTH: str(len(text)),
    }


def wants_binary(request: InferRequest) -> bool:
    """Whether the output is to follow the JSON as it is."""
    asked = (output.parameters.get("binary_data") for output in request.outputs)
    default = request.parameters.get("binary_data_output")
    return next((bool(wanted) for wanted in asked if wanted is not None), bool(default))


def _header_end(header_length: str | None, size: int) -> int:
    if header_length is None:
        return size
    # `isdecimal` alone takes digits of other scripts, and `int` refuses long ones.
    plain = header_length.isascii() and header_length.isdecimal() and len(header_length) < 12
    if not plain or int(header_length) > size:
        raise _refused(f"{HEADER_LENGTH} is a number of bytes of the body, at most {size}")
    return int(header_length)


def _part(name: str, rest: bytes, size: Any) -> tuple[bytes, bytes]:
    if type(size) is not int or not 0 <= size <= len(rest):
        raise _refused(f"{_BINARY_SIZE} of {name!r} is not the size of what follows the JSON")
    return rest[:size], rest[size:]


def _from_json(given: InferInput) -> Tensor:
    if given.data is None:
        raise _refused(f"the input {given.name!r} has no data")
    if given.datatype == "BYTES":
        return _of_texts(given, [_decoded(given.name, value) for value in _flat(given.data)])
    _require_numbers(given)
    try:
        values = np.array(given.data)
    except (ValueError, OverflowError):
        values = np.array(None)
    return _of_numbers(given, values)


def _from_bytes(given: InferInput, part: bytes) -> Tensor:
    if given.data is not None:
        raise _refused(f"the input {given.name!r} has data and {_BINARY_SIZE}")
    if given.datatype == "BYTES":
        return _of_texts(given, list(_elements(given.name, part)))
    _require_numbers(given)
    dtype = _NUMBERS[given.datatype]
    if len(part) % dtype.itemsize:
        raise _refused(f"the input {given.name!r} ends within a number")
    return _of_numbers(given, np.frombuffer(part, dtype))


def _of_texts(given: InferInput, values: list[bytes]) -> Tensor:
    _require_size(given, len(values))
    return Tensor(given.datatype, tuple(given.shape), values)


def _of_numbers(given: InferInput, values: np.ndarray) -> Tensor:
    if values.size and values.dtype.kind not in _KINDS[given.datatype]:
        raise _refused(f"the input {given.name!r} has something that is no {given.datatype}")
    _require_size(given, values.size)
    if given.datatype == "UINT8" and values.size and (values.min() < 0 or values.max() > 255):
        raise _refused(f"the input {given.name!r} has a number outside of 0 to 255")
    numbers = values.astype(_NUMBERS[given.datatype]).reshape(given.shape)
    return Tensor(given.datatype, tuple(given.shape), numbers)


def _require_numbers(given: InferInput) -> None:
    if given.datatype not in _NUMBERS:
        raise _refused(f"the datatype of {given.name!r} is none of BYTES, {', '.join(_NUMBERS)}")


def _require_size(given: InferInput, size: int) -> None:
    if min(given.shape) < 0 or math.prod(given.shape) != size:
        raise _refused(f"the input {given.name!r} has {size} elements, and another shape")


def _flat(values: list[Any]) -> Iterator[Any]:
    """The elements of nested lists; pydantic has bounded their depth."""
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _decoded(name: str, value: Any) -> bytes:
    text = value.get("b64") if isinstance(value, dict) else value
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except ValueError:  # whose kinds are of base64, and of characters that are no ASCII
        pass
    raise _refused(f"an element of {name!r} is no base64")


def _elements(name: str, part: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(part):
        end = start + 4 + int.from_bytes(part[start : start + 4], "little")
        if len(part) < min(end, start + 4) or end > len(part):
            raise _refused(f"an element of {name!r} is cut off")
        yield part[start + 4 : end]
        start = end


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def _refused(message: str) -> Refusal:
    return Refusal("request", message)

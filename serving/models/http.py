"""A model that is served by the Open Inference Protocol, version 2, over HTTP.

Source: https://github.com/open-inference/open-inference-protocol, `inference_rest.md`.
"""

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

import numpy as np
from numpy.typing import NDArray

from groundfloor.credentials import without_credentials
from groundfloor.errors import UserError
from groundfloor.text import shown_text
from serving.models.model import (
    ModelInput,
    choose_input,
    choose_output,
    embeddings_of,
    in_batches,
)

# A variable of the environment: sent to the model's server as `Authorization: Bearer ...`.
TOKEN_VARIABLE = "ARCFACE_MODEL_TOKEN"

_DTYPES = {
    "FP32": "float32",
    "FP16": "float16",
    "FP64": "float64",
    "UINT8": "uint8",
    "INT8": "int8",
}
_UNAVAILABLE = 503
_ATTEMPTS = 5
_MAX_PAUSE = 30.0
_MAX_ANSWER = 2**28

Sleep = Callable[[float], None]


class HttpModel:
    """See `model.Model`.

    It takes JSON alone, opens a connection for each request, and follows no redirection. A server
    that answers 503 is asked again, at most four times; nothing else is.

    Args:
      address: `http://HOST:PORT/v2/models/NAME`, perhaps with `/versions/VERSION`.
      timeout: in seconds, of each request.
      sleep: waits for so many seconds.

    Raises:
      UserError: it is no such address, nobody answers there, or there is no model of images.
    """

    prepared = None
    remarks = ()

    def __init__(self, address: str, timeout: float = 60.0, sleep: Sleep = time.sleep):
        self.name = without_credentials(address)
        self._url = _checked_url(address)
        self._timeout = timeout
        self._sleep = sleep
        said = self._asked("GET", "")
        inputs = [one for one in _tensors(said, "inputs", self.name) if len(one[1]) == 4]
        taken = inputs[choose_input(self.name, [one[:2] for one in inputs])]
        outputs = _tensors(said, "outputs", self.name)
        self._given = outputs[choose_output(self.name, [one[:2] for one in outputs])][0]
        self._taken, shape, self._datatype = taken
        if self._datatype not in _DTYPES:
            raise UserError(f"{self.name} takes images of {shown_text(self._datatype)}")
        self.input = ModelInput(shape, _DTYPES[self._datatype])

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See `model.Model`."""
        output = in_batches(self._run, pixels, self.input.batch)
        return embeddings_of(output, len(pixels), self.name)

    def _run(self, pixels: NDArray[Any]) -> NDArray[Any]:
        tensor = {
            "name": self._taken,
            "shape": list(pixels.shape),
            "datatype": self._datatype,
            "data": pixels.ravel().tolist(),
        }
        body = {"inputs": [tensor], "outputs": [{"name": self._given}]}
        answer = self._asked("POST", "/infer", json.dumps(body, separators=(",", ":")).encode())
        try:
            (output,) = (one for one in answer["outputs"] if one["name"] == self._given)
            return np.array(output["data"], np.float32).reshape(output["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._unlike(error) from None

    def _asked(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON of an answer, of a server that may have been busy at first.

        Raises:
          UserError: there is none.
        """
        for attempt in range(_ATTEMPTS):
            status, pause, content = self._answer(method, path, body)
            if status != _UNAVAILABLE or attempt == _ATTEMPTS - 1:
                break
            self._sleep(_seconds(pause, attempt))
        if status != http.client.OK:
            raise UserError(f"{self.name} answers {status}: {_reason(content)}{_hint(status)}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise self._unlike(error) from None

    def _answer(self, method: str, path: str, body: bytes | None) -> tuple[int, str | None, bytes]:
        """The status, `Retry-After` and the body of an answer."""
        connection = _connection(self._url, self._timeout)
        try:
            connection.request(method, self._url.path.rstrip("/") + path, body, _headers())
            answer = connection.getresponse()
            content = answer.read(_MAX_ANSWER + 1)
            if len(content) > _MAX_ANSWER:
                raise self._unlike(ValueError(f"it is longer than {_MAX_ANSWER:,} bytes"))
            return answer.status, answer.getheader("Retry-After"), content
        except TimeoutError:
            raise UserError(
                f"{self.name} has not answered in {self._timeout:g} s: give smaller batches"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise UserError(f"cannot reach {self.name}: {shown_text(reason)}") from None
        finally:
            connection.close()

    def _unlike(self, error: Exception) -> UserError:
        return UserError(
            f"{self.name} does not answer as the Open Inference Protocol, version 2, says: "
            f"{type(error).__name__}: {shown_text(str(error))}"
        )


def _checked_url(address: str) -> SplitResult:
    url = urlsplit(address)
    try:
        is_address = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        is_address = False
    if url.username is not None:
        raise UserError(
            f"{without_credentials(address)}: set {TOKEN_VARIABLE} not a user in the address"
        )
    if not is_address or "/v2/models/" not in url.path or url.query or url.fragment:
        raise UserError(
            f"{without_credentials(address)} is no served model: expected "
            "http://HOST:PORT/v2/models/NAME, perhaps with /versions/VERSION"
        )
    return url


def _connection(url: SplitResult, timeout: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme.lower() == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, url.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, url.port, timeout=timeout)


def _headers() -> dict[str, str]:
    token = os.environ.get(TOKEN_VARIABLE)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def _tensors(said: Any, key: str, name: str) -> list[tuple[str, tuple[int | None, ...], str]]:
    """Name, shape and datatype of each input or output that a server says a model has."""
    try:
        return [
            (
                str(one["name"]),
                tuple(int(side) if int(side) > 0 else None for side in one["shape"]),
                str(one["datatype"]),
            )
            for one in said[key]
        ]
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{name} does not say its {key}, as the protocol asks") from None


def _seconds(retry_after: str | None, attempt: int) -> float:
    """How long to wait for a server that is not ready: what it says, or longer each time."""
    said = retry_after or ""
    is_number = said.isascii() and said.isdecimal() and len(said) < 9  # it may be a date
    return min(float(said) if is_number else 0.5 * 2**attempt, _MAX_PAUSE)


def _reason(content: bytes) -> str:
    """What a server says of a refusal."""
    try:
        said = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        said = content.decode("utf-8", "replace")
    return shown_text(said if isinstance(said, str) else json.dumps(said)) or "nothing"


def _hint(status: int) -> str:
    hints = {
        401: f": set {TOKEN_VARIABLE}",
        403: f": set {TOKEN_VARIABLE}",
        413: ": give a smaller --batch-size",
    }
    return hints.get(status, "")

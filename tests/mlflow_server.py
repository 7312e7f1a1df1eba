"""A tracking server as MLflow's client sees it, as far as a run needs it, in many moods."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.http_serving import serving_on_a_free_port

API = "/api/2.0/mlflow/"
USER, PASSWORD = "me", "s3cr:t/h@nter"
QUOTED_PASSWORD = "s3cr%3At%2Fh%40nter"

_ALWAYS: dict[str, Any] = {
    "POST /experiments/create": {"experiment_id": "1"},
    "GET /metrics/get-history": {"metrics": []},
}


@dataclass
class TrackingServer:
    """What it answers, and what it was asked.

    Attributes:
      mood: called before each answer with the handler; True: it has answered.
      asks_for_password: lets nobody in but `USER`.
      requests: "METHOD path" of each that was let in, without the API's prefix.
      refused: how many were not.
      metrics: name -> values, in their order.
      params: of the run.
      port: its port on this machine.
    """

    mood: Callable[[Any], bool] = lambda handler: False
    asks_for_password: bool = False
    requests: list[str] = field(default_factory=list)
    refused: int = 0
    metrics: dict[str, list[float]] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def uri_with_password(self) -> str:
        return f"http://{USER}:{QUOTED_PASSWORD}@127.0.0.1:{self.port}"

    def lets_in(self, headers: Any) -> bool:
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return not self.asks_for_password or headers.get("Authorization") == f"Basic {token}"

    def answer(self, call: str, body: dict[str, Any]) -> tuple[int, Any]:
        if call in _ALWAYS:
            return 200, _ALWAYS[call]
        if call in ("POST /runs/create", "GET /runs/get"):
            return 200, {"run": {"info": self._info(), "data": {}}}
        if call == "POST /runs/log-batch":
            self.params |= {item["key"]: item["value"] for item in body.get("params", [])}
            for metric in body.get("metrics", []):
                self.metrics.setdefault(metric["key"], []).append(metric["value"])
            return 200, {}
        if call == "POST /runs/update":
            return 200, {"run_info": self._info()}
        if call.startswith("PUT /api/2.0/mlflow-artifacts/"):
            return 200, {}
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"nothing at {call}"}

    def _info(self) -> dict[str, str]:
        return {
            "run_id": f"r{self.port}",  # MLflow keeps an artifact store for each run it has seen
            "run_uuid": f"r{self.port}",
            "experiment_id": "1",
            "status": "RUNNING",
            "artifact_uri": f"mlflow-artifacts:/1/r{self.port}/artifacts",
        }


class Handler(BaseHTTPRequestHandler):
    server_state: TrackingServer

    def do_GET(self) -> None:
        self._respond()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def send(self, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _respond(self) -> None:
        state = self.server_state
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if state.mood(self):
            return
        if not state.lets_in(self.headers):
            state.refused += 1
            self.send(401, {"error_code": "PERMISSION_DENIED", "message": "who are you?"})
            return
        call = f"{self.command} {urlsplit(self.path).path.replace(API, '/', 1)}"
        state.requests.append(call)
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        self.send(*state.answer(call, json.loads(body or b"{}") if is_json else {}))


def silent(handler: Any) -> bool:
    """Takes the request, and never answers."""
    handler.server_state.closing.wait()
    return True


def dripping(handler: Any) -> bool:
    """Sends a byte now and then, so that no time-out between two of them is ever reached."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server_state.closing.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()
    return True


def busy(handler: Any) -> bool:
    """Asks to be asked again in an hour."""
    handler.send(429, {"message": "too many"}, Retry_After="3600")
    return True


def unavailable(handler: Any) -> bool:
    """Is down for the day."""
    handler.send(503, {"message": "down"}, Retry_After="86400")
    return True


def circular(handler: Any) -> bool:
    """Sends everybody to where they come from."""
    handler.send(307, {}, Location=handler.path)
    return True


def slow(seconds: float) -> Callable[[Any], bool]:
    """Answers every call, but takes its time."""

    def mood(handler: Any) -> bool:
        time.sleep(seconds)
        return False

    return mood


@contextmanager
def serving(server: TrackingServer) -> Iterator[TrackingServer]:
    """Serves on a free port of this machine."""
    handler = type("BoundHandler", (Handler,), {"server_state": server})
    with serving_on_a_free_port(handler, server.closing) as server.port:
        yield server

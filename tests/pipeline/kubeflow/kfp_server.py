"""A server of Kubeflow Pipelines' API v2beta1, as far as a run needs it.

What it answers is made of the models of `kfp_server_api`, which are generated from the published
OpenAPI definition; a request with a field that these do not know is refused.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as kfp

from tests.http_serving import serving_on_a_free_port

API = "/apis/v2beta1"
# GooglerpcStatus, and GoogleRpcStatus in later releases.
Status = getattr(kfp, kfp.V2beta1RuntimeStatus.openapi_types["error"])
RUN_ID = "8a2b6c1e"
TOKEN = "a-secret"


@dataclass
class Answer:
    """A status, and what goes with it.

    `length` is what the header claims: with more than there is, the connection drops half-way.
    """

    status: int
    body: Any
    content_type: str = "application/json"
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, message: str) -> Answer:
    return Answer(status, {"code": 2, "message": message, "details": []})


DROPPED = Answer(200, {"run_id": RUN_ID}, length=1000)
LOGIN_PAGE = Answer(200, "<html>Log in</html>", "text/html")
NO_SUCH_PATH = error(404, "Not Found")
SILENCE = Answer(0, None)
DRIP = Answer(200, None)


def answer(model: Any) -> Answer:
    return Answer(200, kfp.ApiClient().sanitize_for_serialization(model))


def task(name: str, state: str, message: str = "", seconds: int | None = None) -> Any:
    """One node, with a history that holds the message, and times as the server has them."""
    end = "1970-01-01T00:00:00Z" if seconds is None else f"2026-01-01T10:00:{seconds:02d}Z"
    detail = kfp.V2beta1PipelineTaskDetail(
        display_name=name,
        state=state,
        start_time="2026-01-01T10:00:00Z",
        end_time=end,
        state_history=[kfp.V2beta1RuntimeStatus(state="RUNNING")],
    )
    if message:
        failure = Status(code=2, message=message)
        detail.state_history.append(kfp.V2beta1RuntimeStatus(state=state, error=failure))
    return detail


def run(state: str, *tasks: Any, message: str = "") -> Answer:
    return answer(
        kfp.V2beta1Run(
            run_id=RUN_ID,
            state=state,
            error=Status(code=2, message=message) if message else None,
            run_details=kfp.V2beta1RunDetails(task_details=list(tasks)) if tasks else None,
        )
    )


@dataclass
class KfpServer:
    """What it answers, and what it was asked.

    Attributes:
      looks: answers to each look at the run; the last one for all that follow.
      special: "METHOD path" -> an answer in place of the usual one.
      experiments: names of those that there are.
      multi_user: whether it is shared.
      token: without which nobody is let in.
      requests: "METHOD path" of each, without `/apis/v2beta1`.
      created: the run, as it was asked for.
      namespaces: that were asked for.
      host: its URL.
      closing: set at the end, for what has been silent until then.
    """

    looks: list[Answer] = field(default_factory=lambda: [run("SUCCEEDED")])
    special: dict[str, Answer] = field(default_factory=dict)
    experiments: list[str] = field(default_factory=list)
    multi_user: bool = False
    token: str | None = None
    requests: list[str] = field(default_factory=list)
    created: dict[str, Any] = field(default_factory=dict)
    namespaces: list[str] = field(default_factory=list)
    host: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def respond(self, method: str, url: str, headers: Any, body: bytes) -> Answer:
        path = urlsplit(url).path
        query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        call = f"{method} {path.removeprefix(API)}"
        self.requests.append(call)
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return error(401, f"no such token: {headers.get('authorization')}")
        if call in self.special:
            return self.special[call]
        calls: dict[str, Callable[[], Answer]] = {
            "GET /healthz": self._healthz,
            "GET /experiments": lambda: self._list_experiments(**query),
            "POST /experiments": lambda: self._create_experiment(json.loads(body)),
            "POST /runs": lambda: self._create_run(json.loads(body)),
            f"GET /runs/{RUN_ID}": self._look,
        }
        return calls[call]() if call in calls else NO_SUCH_PATH

    def _healthz(self) -> Answer:
        return answer(kfp.V2beta1GetHealthzResponse(multi_user=self.multi_user))

    def _list_experiments(self, filter: str, namespace: str = "") -> Answer:
        self.namespaces.append(namespace)
        (predicate,) = json.loads(filter)["predicates"]
        found = [name for name in self.experiments if name == predicate["stringValue"]]
        experiments = [self._experiment(name) for name in found]
        return answer(kfp.V2beta1ListExperimentsResponse(experiments=experiments))

    def _create_experiment(self, body: dict[str, Any]) -> Answer:
        self.experiments.append(body["display_name"])
        return answer(self._experiment(body["display_name"]))

    def _experiment(self, name: str) -> Any:
        return kfp.V2beta1Experiment(experiment_id=f"id-of-{name}", display_name=name)

    def _create_run(self, body: dict[str, Any]) -> Answer:
        for part, model in (
            (body, kfp.V2beta1Run),
            (body["runtime_config"], kfp.V2beta1RuntimeConfig),
        ):
            unknown = set(part) - set(model.attribute_map.values())
            if unknown:
                return error(400, f"unknown fields: {unknown}")
        self.created = body
        return run("PENDING")

    def _look(self) -> Answer:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body in one packet: two would wait for each other
    kfp_server: KfpServer

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, *_: Any) -> None:
        """Nothing: the test asks for what it wants to know."""

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.kfp_server.respond(self.command, self.path, self.headers, body)
        if answer is SILENCE:
            self.kfp_server.closing.wait()
        if answer is DRIP:
            self._drip()
            return
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        content = text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(answer.length or len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = answer.length is not None

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.kfp_server.closing.wait(0.02):
            self.wfile.write(b" ")
            self.wfile.flush()


@contextmanager
def serving(server: KfpServer) -> Iterator[KfpServer]:
    """Serves on a free port of this machine; `server.host` is its URL."""
    handler = type("Handler", (_Handler,), {"kfp_server": server})
    with serving_on_a_free_port(handler, server.closing) as port:
        server.host = f"http://127.0.0.1:{port}"
        yield server


def address(server: KfpServer) -> str:
    """Where a person can look at the run."""
    return f"{server.host}/#/runs/details/{RUN_ID}"

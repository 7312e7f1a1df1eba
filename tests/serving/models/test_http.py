"""A served model, asked over real HTTP: ours, and servers that behave in odd ways."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from groundfloor.errors import UserError
from serving.models import open_model
from serving.models.http import TOKEN_VARIABLE, HttpModel
from tests.http_serving import serving_on_a_free_port
from tests.serving.models import files
from tests.serving.service.running import Pixels, push, running

METADATA = {
    "name": "tiny",
    "inputs": [{"name": "pixels", "datatype": "FP32", "shape": [-1, 8, 8, 3]}],
    "outputs": [{"name": "embedding", "datatype": "FP32", "shape": [-1, 5]}],
}


@contextmanager
def served(answers=(), metadata=METADATA, embed=files.expected):
    """A server of the tiny network; yields the address of the model and the requests.

    Args:
      answers: (status, headers, body) of the first inferences, before it embeds.
      metadata: of the model.
      embed: images [N, H, W, C] to embeddings.
    """
    waiting, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers), None))
            self._send(200, {}, json.dumps(metadata))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, dict(self.headers), body))
            self._send(*(waiting.pop(0) if waiting else (200, {}, self._embedded(body))))

        def _embedded(self, body):
            (tensor,) = body["inputs"]
            images = np.array(tensor["data"], np.float32).reshape(tensor["shape"])
            given = embed(images)
            output = {"name": "embedding", "datatype": "FP32", "shape": list(given.shape)}
            return json.dumps({"outputs": [output | {"data": given.ravel().tolist()}]})

        def _send(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with serving_on_a_free_port(Handler, threading.Event()) as port:
        yield f"http://127.0.0.1:{port}/v2/models/tiny", seen


def test_a_served_model_embeds_as_the_network_does():
    images = files.pixels(7)
    with served() as (address, seen):
        model = open_model(address)
        embeddings = model.embed_pixels(images)
    np.testing.assert_allclose(embeddings, files.expected(images), atol=1e-4)
    assert (model.input.dtype, model.input.layout) == ("float32", "nhwc")
    assert [path for path, *_ in seen] == ["/v2/models/tiny", "/v2/models/tiny/infer"]
    assert seen[1][2]["inputs"][0]["datatype"] == "FP32"


def test_a_busy_server_is_asked_again_after_the_time_that_it_says():
    pauses = []
    answers = [(503, {"Retry-After": "7"}, ""), (503, {}, ""), (503, {"Retry-After": "999"}, "")]
    with served(answers) as (address, seen):
        model = HttpModel(address, sleep=pauses.append)
        model.embed_pixels(files.pixels(1))
    assert pauses == [7.0, 1.0, 30.0]
    assert len(seen) == 1 + 4


def test_a_server_that_stays_busy_is_given_up():
    with served([(503, {}, '{"error": "busy"}')] * 9) as (address, seen):
        model = HttpModel(address, sleep=lambda seconds: None)
        with pytest.raises(UserError, match="/v2/models/tiny answers 503: busy"):
            model.embed_pixels(files.pixels(1))
    assert len(seen) == 1 + 5


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, '{"error": "no such input"}', "answers 400: no such input"),
        (500, "<html>", "answers 500: <html>"),
        (413, "{}", "answers 413: {}: give a smaller --batch-size"),
        (401, "", f"answers 401: nothing: set {TOKEN_VARIABLE}"),
        (302, "", "answers 302"),
        (200, "<html>", "does not answer as the Open Inference Protocol"),
        (200, '{"outputs": []}', "does not answer as the Open Inference Protocol"),
        (200, '{"outputs": [{"name": "embedding", "shape": [9, 9], "data": [1]}]}', "does not"),
        (200, '{"outputs": [{"name": "embedding", "shape": [1], "data": [1]}]}', "no embeddings"),
    ],
)
def test_any_other_answer_is_one_message_and_is_not_asked_for_again(status, body, said):
    with served([(status, {}, body)]) as (address, seen):
        model = HttpModel(address, sleep=lambda seconds: pytest.fail("it waited"))
        with pytest.raises(UserError) as error:
            model.embed_pixels(files.pixels(1))
    assert said in str(error.value)
    assert len(seen) == 2


def test_a_redirection_is_not_followed():
    with served([(302, {"Location": "http://127.0.0.1:9/"}, "")]) as (address, seen):
        with pytest.raises(UserError, match="answers 302"):
            HttpModel(address).embed_pixels(files.pixels(1))
        assert len(seen) == 2


def test_the_token_of_the_environment_is_sent(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "open sesame")
    with served() as (address, seen):
        HttpModel(address)
    assert seen[0][1]["Authorization"] == "Bearer open sesame"


def test_nobody_at_an_address_is_one_message():
    with served() as (address, _):
        pass
    with pytest.raises(UserError, match=f"cannot reach {address}: Connection refused"):
        HttpModel(address)


def test_a_server_that_does_not_answer_in_time_is_one_message():
    closing = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self):
            closing.wait()

    with (
        serving_on_a_free_port(Silent, closing) as port,
        pytest.raises(UserError, match=r"has not answered in 0\.05 s"),
    ):
        HttpModel(f"http://127.0.0.1:{port}/v2/models/tiny", timeout=0.05)


@pytest.mark.parametrize(
    "address", ["http://host/models/a", "http:///v2/models/a", "http://host:no/v2/models/a"]
)
def test_another_address_is_refused_with_what_is_expected(address):
    with pytest.raises(UserError, match="expected http://HOST:PORT/v2/models/NAME"):
        HttpModel(address)


def test_a_password_in_the_address_is_refused_and_not_shown():
    with pytest.raises(UserError) as error:
        HttpModel("http://me:opensesame@host/v2/models/a")
    assert TOKEN_VARIABLE in str(error.value)
    assert "opensesame" not in str(error.value)


def test_of_a_model_that_takes_files_too_the_input_of_pixels_is_used():
    """As this project's own service says of its models."""
    files_input = {"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}
    metadata = METADATA | {"inputs": [files_input, *METADATA["inputs"]]}
    with served(metadata=metadata) as (address, seen):
        HttpModel(address).embed_pixels(files.pixels(1))
    assert [one["name"] for one in seen[1][2]["inputs"]] == ["pixels"]


@pytest.mark.parametrize("metadata", [{}, {"inputs": [], "outputs": []}, {"inputs": 3}])
def test_a_server_that_does_not_say_what_a_model_takes_is_one_message(metadata):
    with served(metadata=metadata) as (address, _), pytest.raises(UserError, match="inputs"):
        HttpModel(address)


def test_a_model_that_this_project_serves_embeds_as_it_does_itself(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    with running(push(tmp_path / "models", model=Pixels())) as (client, service):
        model = open_model(f"{client.base_url}/v2/models/arcface")
        embeddings = model.embed_pixels(levels)
        expected = service.model.embedder.embed_pixels(levels)
    assert str(model.input) == "uint8 [any, 32, 32, 3]"
    np.testing.assert_allclose(embeddings, expected, atol=1e-6)

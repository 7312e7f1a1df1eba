"""A tracking server and a container engine that answer, refuse, are silent, or are not there."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

from pipeline.checkup.services import check_buckets, check_container_engine, check_tracking
from tests.http_serving import serving_on_a_free_port


@contextmanager
def server(status: int) -> Iterator[tuple[int, list]]:
    """Answers everything with a status; yields its port, and what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            body = b'{"ApiVersion": "1.41"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with serving_on_a_free_port(Handler, threading.Event()) as port:
        yield port, asked


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes a call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def track(monkeypatch, uri, seconds=5.0):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return check_tracking(seconds)


def test_without_a_server_each_run_keeps_its_own_store(monkeypatch):
    found = track(monkeypatch, "")
    assert (found.state, found.remedy) == ("ok", "")
    assert "mlflow.db" in found.text


def test_a_store_in_a_file_is_not_asked(monkeypatch):
    found = track(monkeypatch, "sqlite:////data/mlflow.db")
    assert found.state == "ok"
    assert "sqlite:////data/mlflow.db" in found.text


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_a_server_that_answers_is_there_whatever_it_says(monkeypatch, status):
    with server(status) as (port, asked):
        found = track(monkeypatch, f"http://127.0.0.1:{port}/")
    assert (found.state, found.text) == ("ok", f"http://127.0.0.1:{port}/ answers")
    assert [path for path, _ in asked] == ["/health"]


def test_credentials_are_neither_sent_nor_printed(monkeypatch):
    with server(200) as (port, asked):
        found = track(monkeypatch, f"http://me:hunter2@127.0.0.1:{port}")
    assert found.state == "ok"
    assert "hunter2" not in found.text
    assert asked == [("/health", None)]


def test_a_server_that_is_down_is_named_with_the_reason_and_a_remedy(monkeypatch):
    found = track(monkeypatch, f"http://me:hunter2@127.0.0.1:{free_port()}")
    assert found.state == "note"
    assert "does not answer: " in found.text
    assert "Connection refused" in found.text
    assert "hunter2" not in found.text + found.remedy
    assert "MLFLOW_TRACKING_URI" in found.remedy


def test_a_server_that_is_silent_holds_nobody_up(monkeypatch):
    with silent_port() as port:
        found = track(monkeypatch, f"http://127.0.0.1:{port}", seconds=0.1)
    assert found.state == "note"
    assert "does not answer: " in found.text


def look_at_buckets(monkeypatch, uri):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", uri)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return check_buckets()


def test_without_a_server_of_ones_own_buckets_are_amazons(monkeypatch):
    found = look_at_buckets(monkeypatch, "")
    assert (found.state, found.remedy) == ("ok", "")


def test_a_server_of_buckets_that_wants_to_know_who_asks_is_there(monkeypatch):
    with server(403) as (port, asked):
        found = look_at_buckets(monkeypatch, f"http://me:hunter2@127.0.0.1:{port}")
    assert (found.state, found.text) == ("ok", f"http://127.0.0.1:{port} answers")
    assert [headers for _, headers in asked] == [None]


def test_a_server_of_buckets_that_is_down_is_named_with_a_remedy(monkeypatch):
    found = look_at_buckets(monkeypatch, f"http://me:hunter2@127.0.0.1:{free_port()}")
    assert found.state == "note"
    assert "does not answer: " in found.text
    assert "hunter2" not in found.text + found.remedy
    assert "AWS_ENDPOINT_URL" in found.remedy


def test_a_container_engine_that_answers_is_there(monkeypatch):
    with server(200) as (port, _):
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        assert check_container_engine().state == "ok"


def test_without_a_container_engine_only_one_command_is_missed(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    found = check_container_engine()
    assert found.state == "note"
    assert "only arcface containers needs one" in found.text
    assert "DOCKER_HOST" in found.remedy

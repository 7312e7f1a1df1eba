"""A server of Kubeflow Pipelines that refuses, is another, or takes its time."""

import kfp
import pytest

from pipeline.kubeflow import client
from tests.pipeline.kubeflow.kfp_server import (
    DRIP,
    DROPPED,
    LOGIN_PAGE,
    NO_SUCH_PATH,
    RUN_ID,
    SILENCE,
    Answer,
    error,
    run,
)

pytestmark = pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")


@pytest.mark.parametrize(
    "special",
    [
        {"GET /healthz": NO_SUCH_PATH},
        {"GET /healthz": LOGIN_PAGE},
        {"GET /experiments": NO_SUCH_PATH},
        {"POST /runs": error(501, "unknown service")},
        {"POST /runs": error(405, "Method Not Allowed")},
        {f"GET /runs/{RUN_ID}": LOGIN_PAGE},
    ],
    ids=[
        "v1 only",
        "log-in page",
        "no experiments",
        "not implemented",
        "not allowed",
        "logged out",
    ],
)
def test_a_server_of_another_version_is_named_as_such(server, command, special):
    server.special = special
    code, _, message = command()
    assert code == 2
    assert "API v2beta1" in message
    assert kfp.__version__ in message


def test_a_refusal_may_be_plain_text(server, command):
    server.special["GET /experiments"] = Answer(400, "bad", "text/plain")
    assert command()[2] == f"error: {server.host} refuses this (400): Bad Request"


def test_what_kfp_itself_does_not_understand_is_an_error_of_one_line(server, command):
    server.experiments = ["faces", "faces"]
    code, _, message = command("--experiment=faces")
    assert code == 2
    assert message.endswith("Multiple experiments is found with name faces.")
    assert len(message.splitlines()) == 1


def test_what_the_server_refuses_is_said_in_its_words(server, command):
    server.special["POST /runs"] = error(400, "unknown template format")
    assert command()[::2] == (
        2,
        f"error: {server.host} refuses this (400): unknown template format",
    )


def test_a_run_that_may_have_started_is_said_to(server, command):
    server.special["POST /runs"] = DROPPED
    code, _, message = command()
    assert code == 2
    assert "may have been started" in message
    assert server.requests.count("POST /runs") == 1


def test_a_server_that_falls_silent_does_not_hold_us_for_ever(server, command, monkeypatch):
    monkeypatch.setattr(client, "_REQUEST_TIMEOUT", (10, 0.1))
    server.looks = [run("RUNNING"), SILENCE]
    code, _, message = command("--timeout=0.01")
    assert code == 1
    assert "it goes on" in message
    server.special["GET /healthz"] = SILENCE
    code, _, message = command()
    assert code == 2
    assert "does not answer" in message


def test_a_server_that_asks_to_come_back_tomorrow_is_asked_again_at_once(server, command):
    busy = Answer(429, {"message": "slowly"}, headers={"Retry-After": "86400"})
    server.looks = [run("RUNNING"), busy, run("SUCCEEDED")]
    assert command()[0] == 0
    server.special["GET /healthz"] = busy
    assert command()[0] == 2


def test_an_answer_that_drips_does_not_hold_us_for_ever(server, command, monkeypatch):
    monkeypatch.setattr(client, "_CALL_TIMEOUT", 0.2)
    server.special["GET /healthz"] = DRIP
    code, _, message = command()
    assert code == 2
    assert message.endswith("does not answer: a call has not ended within 0.2 seconds")

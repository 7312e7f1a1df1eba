"""A run of Kubeflow that is followed to its end, against a server that speaks its API."""

import pytest

from pipeline.console import TextConsole
from pipeline.kubeflow import following
from pipeline.kubeflow.following import RunDisplay
from pipeline.kubeflow.run import Task
from tests.pipeline.kubeflow.kfp_server import DROPPED, RUN_ID, address, error, run, task

pytestmark = pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")

# What the server knows of a run besides the pipeline's steps.
KFPS_OWN = [task("root-driver", "SUCCEEDED"), task("executor", "FAILED"), task("root", "FAILED")]


def test_a_run_that_succeeds_is_followed_step_by_step(server, command):
    server.looks = [
        run("PENDING"),
        run("RUNNING", task("root-driver", "RUNNING"), task("ImageExampleGen", "RUNNING")),
        run("RUNNING", task("ImageExampleGen", "SUCCEEDED", seconds=12)),
        run(
            "RUNNING",
            task("Trainer", "RUNNING"),
            task("ImageExampleGen", "SUCCEEDED", seconds=12),
        ),
        run("SUCCEEDED", task("Trainer", "SKIPPED"), task("executor", "SUCCEEDED", seconds=3)),
    ]
    code, lines, message = command()
    assert (code, message) == (0, "")
    assert [" ".join(line.split()) for line in lines] == [
        f"started: {address(server)}",
        "[0/2] ImageExampleGen",
        "[1/2] ImageExampleGen 12.0 s succeeded",
        "[1/2] Trainer",
        "[2/2] Trainer skipped",
        "the run succeeded",
        f"look at: {address(server)}",
    ]


def test_without_waiting_nobody_looks_at_the_run(server, command):
    code, lines, _ = command("--no-wait")
    assert (code, lines) == (0, [f"started: {address(server)}"])
    assert f"GET /runs/{RUN_ID}" not in server.requests


def test_a_failed_run_names_the_step_and_its_error(server, command):
    failed = task("Trainer", "FAILED", "exit code 137: out of memory", seconds=9)
    server.looks = [run("FAILED", task("ImageExampleGen", "SUCCEEDED"), failed, *KFPS_OWN)]
    code, lines, message = command()
    assert code == 1
    assert message == "error: the run failed:\nTrainer: exit code 137: out of memory"
    assert lines[-1] == f"look at: {address(server)}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (run("FAILED", task("Trainer", "FAILED"), *KFPS_OWN), "Trainer: the server does not say"),
        (run("FAILED", task("Trainer", "FAILED"), message="no quota"), "Trainer: no quota"),
        (run("FAILED", task("Trainer-driver", "FAILED", "no root")), "Trainer-driver: no root"),
        (run("FAILED", *KFPS_OWN, message="invalid workflow"), "invalid workflow"),
        (run("FAILED"), "the server names no step"),
        (run("SKIPPED"), "the run skipped"),
    ],
    ids=["no reason", "reason of the run", "driver", "no step", "nothing", "skipped"],
)
def test_a_failed_run_says_what_is_known(server, command, answer, expected):
    server.looks = [answer]
    code, _, message = command()
    assert code == 1
    assert expected in message
    assert "executor" not in message


def test_a_cancelled_run_ends(server, command):
    server.looks = [run("RUNNING"), run("CANCELING"), run("CANCELED", task("Trainer", "FAILED"))]
    code, _, message = command()
    assert (code, message) == (1, "error: the run was cancelled")


def test_a_run_that_takes_too_long_goes_on_without_us(server, command):
    server.looks = [run("RUNNING", task("Trainer", "RUNNING"))]
    code, lines, message = command("--timeout=0")
    assert (code, message) == (1, "error: the run has not ended within 0 seconds; it goes on")
    assert lines[-1] == f"look at: {address(server)}"


def test_an_interrupt_says_that_the_run_goes_on(server, command, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(following.time, "sleep", interrupt)
    server.looks = [run("RUNNING")]
    code, _, message = command()
    assert code == 1
    assert "the run goes on" in message


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ([DROPPED], 0),  # urllib3 itself asks four times in all
        ([DROPPED] * 6, 1),
        ([error(503, "starting")] * 2, 1),
        ([error(429, "slowly")], 1),
    ],
    ids=["dropped", "dropped again", "unavailable", "too many"],
)
def test_a_server_that_is_away_for_a_while_does_not_end_it(server, command, broken, said):
    server.looks = [run("RUNNING"), *broken, run("RUNNING"), *broken, run("SUCCEEDED")]
    code, lines, _ = command()
    assert code == 0
    assert len([line for line in lines if line.endswith("; trying again")]) == 2 * said


def test_a_server_that_stays_away_ends_it(server, command, monkeypatch):
    monkeypatch.setattr(following, "_PATIENCE", 0.0)
    server.looks = [error(503, "starting"), error(503, "starting"), run("RUNNING"), error(503, "")]
    code, lines, message = command()
    assert code == 1
    assert "no longer followed, the run goes on" in message
    assert server.requests.count(f"GET /runs/{RUN_ID}") == 6
    assert len([line for line in lines if line.endswith("trying again")]) == 2


def test_a_run_that_is_deleted_meanwhile_ends_it(server, command):
    server.looks = [run("RUNNING"), error(404, f"Run {RUN_ID} not found")]
    code, _, message = command()
    assert code == 2
    assert message == f"error: {server.host} refuses this (404): Run {RUN_ID} not found"


def test_a_token_that_expires_meanwhile_ends_it(server, command):
    server.looks = [run("RUNNING"), error(401, "expired")]
    code, lines, message = command()
    assert code == 2
    assert "not authorised" in message
    assert lines[-1] == f"look at: {address(server)}"


@pytest.mark.parametrize("option", ["--timeout=nan", "--poll-interval=inf", "--timeout=-1"])
def test_a_time_to_wait_is_a_number(server, command, option):
    assert command(option)[0] == 2
    assert server.requests == []


def test_what_the_server_says_is_text(server, command):
    failed = task("Trainer", "FAILED", "no [/b] such\x1b[31m step\u202e", seconds=9)
    server.looks = [run("FAILED", task("ImageExampleGen", "SUCCEEDED"), failed)]
    code, _, message = command()
    assert code == 1
    assert message.endswith("Trainer: no [/b] such\\x1b[31m step\\u202e")


def test_a_terminal_gets_a_line_for_each_finished_step(capsys):
    display = RunDisplay(TextConsole(force_terminal=True, width=80), ["ImageExampleGen", "Trainer"])
    with display.watching():
        display.update([Task("Trainer", "RUNNING", None, "")])
        display.update([Task("Trainer", "FAILED", 2.5, "")])
    shown = capsys.readouterr().out
    assert "[1/2] Trainer" in shown
    assert "2.5 s   failed" in shown
    assert "[0/2] Trainer" not in shown

"""The command that runs a pipeline on Kubeflow, against a server that speaks its API."""

import subprocess
import sys

import kfp
import pytest
from google.auth.exceptions import GoogleAuthError
from rich.console import Console
from typer.testing import CliRunner

from groundfloor.errors import UserError
from pipeline.kubeflow import client, following
from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.following import RunDisplay
from pipeline.kubeflow.run import Task
from pipeline.kubeflow.submission import typed_parameters
from pipeline.run_kubeflow import app
from tests import ROOT
from tests.pipeline.kubeflow.kfp_server import (
    DRIP,
    DROPPED,
    LOGIN_PAGE,
    NO_SUCH_PATH,
    RUN_ID,
    SILENCE,
    TOKEN,
    Answer,
    KfpServer,
    error,
    run,
    serving,
    task,
)

pytestmark = pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")

STEPS = ("ImageExampleGen", "Trainer")
SPEC = {
    "pipelineInfo": {"name": "faces"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "tfx",
    "defaultPipelineRoot": "minio://mlpipeline/v2/faces",
    "root": {
        "inputDefinitions": {
            "parameters": {
                "data-dir": {"parameterType": "STRING", "defaultValue": "/mnt/faces"},
                "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 50},
                "margin": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
            }
        },
        "dag": {"tasks": {name: {"componentRef": {"name": name}} for name in STEPS}},
    },
    "components": {name: {"executorLabel": name} for name in STEPS},
    "deploymentSpec": {"executors": {name: {"container": {"image": "f:1"}} for name in STEPS}},
}
PLATFORM = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}
# What the server knows of a run besides the pipeline's steps.
KFPS_OWN = [task("root-driver", "SUCCEEDED"), task("executor", "FAILED"), task("root", "FAILED")]


@pytest.fixture(autouse=True)
def no_settings_of_the_person(monkeypatch, tmp_path):
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "kfp" / "context.json"))
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(PipelineDocument(SPEC, PLATFORM).to_yaml(), encoding="utf-8")
    return path


@pytest.fixture
def server():
    with serving(KfpServer()) as server:
        yield server


@pytest.fixture
def command(server, file):
    """Runs the command; returns the exit code, the lines printed, and the error."""

    def invoke(*arguments, host=None, file=file):
        result = CliRunner().invoke(
            app,
            [f"--host={host or server.host}", f"--file={file}", "--poll-interval=0", *arguments],
        )
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result.exit_code, result.stdout.splitlines(), result.stderr.strip()

    return invoke


def address(server):
    return f"{server.host}/#/runs/details/{RUN_ID}"


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


def test_the_server_gets_the_pipeline_its_root_and_typed_parameters(server, command):
    command("data-dir=a=b", "epochs=20", "margin=1", "--run-name=mine", "--service-account=runner")
    assert server.created["runtime_config"] == {
        "parameters": {"data-dir": "a=b", "epochs": 20, "margin": 1.0},
        "pipeline_root": "minio://mlpipeline/v2/faces",
    }
    assert isinstance(server.created["runtime_config"]["parameters"]["epochs"], int)
    assert server.created["display_name"] == "mine"
    assert server.created["service_account"] == "runner"
    assert server.created["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "faces"
    assert "kubernetes" in server.created["pipeline_spec"]["platform_spec"]["platforms"]


def test_what_is_not_given_is_left_to_the_server(server, command):
    command()
    assert server.created["runtime_config"]["parameters"] == {}
    assert "service_account" not in server.created
    assert server.created["display_name"].startswith("faces 20")


def test_the_compiled_pipeline_is_one_that_is_taken(server, command, compiled, tmp_path):
    file = tmp_path / "face_pipeline.yaml"
    file.write_text(compiled.to_yaml(), encoding="utf-8")
    assert command("epochs=20", "data-dir=/mnt/faces/orl", file=file)[0] == 0
    assert server.created["runtime_config"]["parameters"]["epochs"] == 20


def test_an_experiment_is_made_once(server, command):
    command("--experiment=faces")
    command("--experiment=faces")
    assert server.experiments == ["faces"]
    assert server.requests.count("POST /experiments") == 1
    assert server.created["experiment_id"] == "id-of-faces"


def test_without_waiting_nobody_looks_at_the_run(server, command):
    code, lines, _ = command("--no-wait")
    assert (code, lines) == (0, [f"started: {address(server)}"])
    assert f"GET /runs/{RUN_ID}" not in server.requests


def test_the_user_interface_may_be_elsewhere(command, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://ui.example/pipeline/")
    _, lines, _ = command("--no-wait")
    assert lines == [f"started: https://ui.example/pipeline/#/runs/details/{RUN_ID}"]


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


def test_a_token_comes_from_the_environment_and_lets_in(server, command, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", f"{TOKEN}\n")
    server.token = TOKEN
    code, lines, _ = command("--token-env=KFP_TOKEN")
    assert code == 0
    assert TOKEN not in "".join(lines)


def test_without_a_token_the_option_is_named(server, command):
    server.token = TOKEN
    code, _, message = command()
    assert code == 2
    assert "not authorised" in message
    assert "--token-env" in message
    assert server.created == {}


def test_a_wrong_token_is_not_repeated(server, command, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "wrong-one")
    server.token = TOKEN
    code, _, message = command("--token-env=KFP_TOKEN")
    assert code == 2
    assert "does not take the token (401): no such token: Bearer ***" in message
    assert server.requests == ["GET /healthz"]


@pytest.mark.parametrize("value", [None, "", "two words", "ünicode", "two\nlines"])
def test_what_is_no_token_is_refused_and_not_repeated(server, command, monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("eyJhbGciOi", value)
    code, _, message = command("--token-env=eyJhbGciOi")
    assert code == 2
    assert "Received" in message
    assert "eyJhbGciOi" not in message
    assert (value or "eyJhbGciOi") not in message
    assert server.requests == []


def test_what_is_forbidden_is_said_in_the_servers_words(server, command):
    server.special["POST /runs"] = error(403, "user cannot create runs in namespace team")
    code, _, message = command()
    assert code == 2
    assert "not authorised" in message
    assert message.endswith("(403): user cannot create runs in namespace team")


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


def test_a_google_host_without_credentials_is_an_error_of_one_line(command, monkeypatch):
    def fail():
        raise GoogleAuthError("no credentials found")

    monkeypatch.setattr(kfp.client.client.auth, "get_gcp_access_token", fail)
    code, _, message = command(host="https://faces.pipelines.googleusercontent.com")
    assert code == 2
    assert message.startswith("error: not authorised: no token for https://faces")


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


def test_a_host_that_is_down_is_named(server, command):
    with serving(KfpServer()) as other:
        down = other.host
    code, _, message = command(host=down)
    assert code == 2
    assert message.startswith(f"error: {down} does not answer: ")
    assert len(message.splitlines()) == 1


def test_a_host_without_tls_is_named(server, command):
    host = server.host.replace("http:", "https:")
    code, _, message = command(host=host)
    assert code == 2
    assert message.startswith(f"error: {host} does not answer: [SSL")


def test_a_slash_at_the_end_of_the_host_does_not_matter(server, command):
    _, lines, _ = command("--no-wait", host=f"{server.host}/")
    assert lines == [f"started: {address(server)}"]


# The second is the one that kfp.Client takes for none.
@pytest.mark.parametrize("namespace", ["team", "kubeflow"])
def test_a_server_of_several_users_gets_the_namespace(server, command, namespace):
    server.multi_user = True
    assert command(f"--namespace={namespace}")[0] == 0
    assert server.namespaces == [namespace]


def test_a_server_of_several_users_wants_a_namespace(server, command):
    server.multi_user = True
    code, _, message = command()
    assert code == 2
    assert message.endswith("has several users: name yours with --namespace")


@pytest.mark.parametrize(
    "host", ["localhost:8080", "ftp://host", "http://", "http://[::1", "http://user:pass@host"]
)
def test_a_host_that_is_no_url_is_refused(command, host):
    code, _, message = command(host=host)
    assert code == 2
    assert message.startswith("error: --host must")
    assert "pass@" not in message


def test_a_missing_file_is_named(server, command, tmp_path):
    code, _, message = command(file=tmp_path / "nope.yaml")
    assert code == 2
    assert "nope.yaml" in message
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("p.yaml", "a: 1", "a compiled pipeline is"),
        ("p.yaml", "pipelineInfo: {name: f}\ndag: 1", "is no pipeline that kfp"),
        ("p.txt", "pipelineInfo: {name: f}", "must end in .yaml"),
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(command, tmp_path, name, text, expected):
    (tmp_path / name).write_text(text, encoding="utf-8")
    code, _, message = command(host="http://nobody.invalid", file=tmp_path / name)
    assert code == 2
    assert expected in message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["epoch=3"], "no parameter epoch (did you mean epochs?)"),
        (["zzz=3"], "no parameter zzz (it has: data-dir, epochs, margin)"),
        (["epochs"], "Received: epochs"),
        (["epochs=1.5"], "epochs must be a whole number. Received: 1.5"),
        (["margin=wide"], "margin must be a number. Received: wide"),
        (["margin=nan"], "margin must be a number. Received: nan"),
        (["epochs=1", "epochs=2"], "Received twice: epochs"),
        (["epochs=" + "9" * 5000], "epochs must be a whole number. Received: 999"),
        (["epochs=9223372036854775808"], "epochs must be a whole number"),
    ],
)
def test_a_wrong_parameter_is_refused_before_the_server_is_asked(server, command, given, expected):
    code, _, message = command(*given)
    assert code == 2
    assert expected in message
    assert server.requests == []


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", "20", "20"),
        ("NUMBER_INTEGER", "-20", -20),
        ("NUMBER_DOUBLE", "1e-3", 0.001),
        ("BOOLEAN", "true", True),
        ("LIST", "[1, 2]", [1, 2]),
        ("STRUCT", '{"a": 1}', {"a": 1}),
    ],
)
def test_each_type_of_the_specification_is_read(kind, text, value):
    read = typed_parameters({"p": {"parameterType": kind}}, [f"p={text}"])["p"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("BOOLEAN", "1"),
        ("LIST", "{}"),
        ("LIST", "[NaN]"),
        ("LIST", "[" * 100_000),
        ("LIST", "[" + "9" * 5000 + "]"),
        ("STRUCT", "a: 1"),
        ("TASK", "x"),
    ],
    ids=lambda text: text[:10],
)
def test_what_is_not_of_the_type_is_refused(kind, text):
    with pytest.raises(UserError, match="Received"):
        typed_parameters({"p": {"parameterType": kind}}, [f"p={text}"])


def test_a_parameter_without_a_default_must_be_given():
    declared = {
        "a": {"parameterType": "STRING"},
        "b": {"parameterType": "STRING", "isOptional": True},
    }
    with pytest.raises(UserError, match=r"Missing: \['a'\]"):
        typed_parameters(declared, [])
    assert typed_parameters(declared, ["a="]) == {"a": ""}


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
    display = RunDisplay(Console(force_terminal=True, width=80), STEPS)
    with display.watching():
        display.update([Task("Trainer", "RUNNING", None, "")])
        display.update([Task("Trainer", "FAILED", 2.5, "")])
    shown = capsys.readouterr().out
    assert "[1/2] Trainer" in shown
    assert "2.5 s   failed" in shown
    assert "[0/2] Trainer" not in shown


def test_it_runs_as_a_file(server, file):
    result = subprocess.run(
        [
            *(sys.executable, "pipeline/run_kubeflow.py", f"--host={server.host}"),
            *(f"--file={file}", "epochs=3"),
        ],
        cwd=ROOT,
        env={"HOME": str(file.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"started: {address(server)}",
        "the run succeeded",
        f"look at: {address(server)}",
    ]

"""The command that runs a pipeline on Kubeflow, against a server that speaks its API."""

import subprocess
import sys

import pytest

from tests import ROOT
from tests.pipeline.kubeflow.kfp_server import RUN_ID, address

pytestmark = pytest.mark.filterwarnings("ignore:This client only works:FutureWarning")


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


def test_the_user_interface_may_be_elsewhere(command, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://ui.example/pipeline/")
    _, lines, _ = command("--no-wait")
    assert lines == [f"started: https://ui.example/pipeline/#/runs/details/{RUN_ID}"]


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


def test_it_runs_as_a_file(server, file):
    result = subprocess.run(
        [
            *(sys.executable, "pipeline/run_kubeflow.py", f"--host={server.host}"),
            *(f"--file={file}", "epochs=3"),
        ],
        cwd=ROOT,
        env={"HOME": str(file.parent), "PATH": "", "PYTHONPATH": str(ROOT)},
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

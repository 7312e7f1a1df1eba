"""A compiled pipeline run in containers, by `kfp.local` and an engine that stands in for Docker.

The engine runs each container's command in this process, on the same folders. `make
test-containers` runs the same in real ones.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from docker.errors import DockerException

import docker
from groundfloor.errors import UserError
from pipeline.config import load_config
from pipeline.failures import RunFailedError
from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.compiler import compile_pipeline
from pipeline.kubeflow.container_run import run_logged
from pipeline.kubeflow.containers import (
    Containers,
    StepFailedError,
    run_in_containers,
    volume_mounts,
)
from pipeline.kubeflow.document import read_document
from pipeline.run_folder import RunFolder
from tests import ROOT
from tests.conftest import write_faces
from tests.pipeline.kubeflow.conftest import LENIENT_SETTINGS

IMAGE = "localhost/faces:1"


class Engine:
    """As much of `docker.DockerClient` as is used.

    Like Podman's socket at its worst, it answers `wait` with 0 for a container that failed; only
    its state tells the truth.
    """

    def __init__(self, images=(IMAGE,), failing=None):
        self.images, self.containers = self, self
        self.tags = list(images)
        self.failing = failing
        self.started = []
        self.left = 0

    def list(self):
        return [self]

    def close(self):
        pass

    def run(self, image, command, **options):
        self.started.append({"image": image, "command": command} | options)
        return Container(self, 3 if self.failing in command else entrypoint.main(command[3:]))


class Container:
    def __init__(self, engine, exit_code):
        self.engine, self.exit_code = engine, exit_code
        engine.left += 1

    def logs(self, stream):
        assert stream
        yield b"a line of the step\n"

    def wait(self):
        return {"StatusCode": 0}

    def reload(self):
        self.attrs = {"State": {"ExitCode": self.exit_code}}

    def remove(self, force):
        self.engine.left -= 1


def compile_to(folder):
    """A small pipeline on faces in the folder, which the containers see where they are here."""
    write_faces(folder / "faces", people=8, shots=5)
    (folder / "models").mkdir()
    settings = [
        f"data.input_dir={folder}/faces",
        "model.input_shape=[32, 32, 3]",
        "model.embedding_dim=16",
        "training.epochs=1",
        "tracking.enabled=false",
        *LENIENT_SETTINGS,
        f"kubeflow.serving_dir={folder}/models/faces",
        f"kubeflow.volumes=[{{claim: faces, mount_path: {folder}/faces}}, "
        f"{{claim: models, mount_path: {folder}/models}}]",
    ]
    file = folder / "pipeline.yaml"
    file.write_text(compile_pipeline(load_config(None, settings), IMAGE).to_yaml())
    return file


def run(file, engine, monkeypatch):
    """Runs it, without its log."""
    monkeypatch.setattr(docker, "from_env", lambda: engine)
    document, folder = read_document(file), file.parent
    run_in_containers(
        document,
        file,
        {"epochs": 2},
        Containers(
            artifacts=folder / "artifacts",
            mounts=volume_mounts(
                document, {"faces": folder / "faces", "models": folder / "models"}
            ),
            log=lambda line: None,
        ),
    )


def test_all_steps_run_push_a_model_and_end_with_the_summary(tmp_path, monkeypatch, capfd):
    file, engine = compile_to(tmp_path), Engine()
    monkeypatch.setattr(docker, "from_env", lambda: engine)
    volumes = {"faces": tmp_path / "faces", "models": tmp_path / "models"}
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    result = run_logged(read_document(file), file, {"epochs": 2}, volumes, folder)
    assert engine.left == 0
    assert result.blessed
    (pushed,) = (tmp_path / "models/faces").glob("*/saved_model.pb")
    assert result.pushed_model == pushed.parent
    assert json.loads((folder.latest / "metrics.json").read_text())["counts"]["images"] == 10
    (history,) = folder.artifacts.glob("*/*/model_run/history.json")
    assert len(json.loads(history.read_text())["loss"]) == 2
    lines = capfd.readouterr().out.splitlines()
    assert lines.count("a line of the step") == 8
    ended = {line.split()[0] for line in lines if re.fullmatch(r"\w+ +[0-9.]+ s", line)}
    assert ended == {step.name for step in read_document(file).steps}
    assert "The model is blessed and pushed:" in lines
    assert [str(log) for log in folder.logs.iterdir()] == [
        line.removeprefix("log: ") for line in lines if line.startswith("log: ")
    ]


def test_a_step_that_fails_ends_a_run_with_its_last_lines_and_the_log(tmp_path, monkeypatch):
    engine = Engine(failing="components.example_gen.executor.Executor")
    monkeypatch.setattr(docker, "from_env", lambda: engine)
    file = compile_to(tmp_path)
    volumes = {"faces": tmp_path / "faces", "models": tmp_path / "models"}
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    with pytest.raises(RunFailedError) as error:
        run_logged(read_document(file), file, {}, volumes, folder)
    (log,) = folder.logs.iterdir()
    assert str(error.value) == (
        "the step ImageExampleGen ended with exit code 3:\na line of the step\n"
        f"The full log is in {log}"
    )


def test_containers_see_the_volumes_and_the_artifacts_and_no_network(tmp_path, monkeypatch):
    engine = Engine(failing="components.example_gen.executor.Executor")
    file = compile_to(tmp_path)
    document = read_document(file)
    (first,) = (step for step in document.steps if step.name == "ImageExampleGen")
    first.container["env"] = [{"name": "OF_THE_STEP", "value": "yes"}]
    file.write_text(document.to_yaml())
    with pytest.raises(StepFailedError):
        run(file, engine, monkeypatch)
    (started,) = engine.started
    assert started["environment"] == {"HOME": "/tmp", "OF_THE_STEP": "yes"}
    assert started["network_mode"] == "none"
    assert started["user"] == f"{os.getuid()}:{os.getgid()}"
    folders = [str(tmp_path / name) for name in ("artifacts", "faces", "models")]
    assert started["volumes"] == {name: {"bind": name, "mode": "rw"} for name in folders}


def test_a_step_that_ends_with_3_fails_the_run_and_later_steps_do_not_start(tmp_path, monkeypatch):
    engine = Engine(failing="components.transform.executor.Executor")
    with pytest.raises(
        StepFailedError, match="ImageTransform ended with exit code 3:\na line of the step"
    ):
        run(compile_to(tmp_path), engine, monkeypatch)
    commands = [word for started in engine.started for word in started["command"]]
    assert "components.trainer.executor.Executor" not in commands
    assert engine.left == 0


def test_without_an_engine_or_an_image_one_line_says_so(tmp_path, monkeypatch):
    file = compile_to(tmp_path)
    with pytest.raises(UserError, match=r"lacks images: \['localhost/faces:1'\]"):
        run(file, Engine(images=["localhost/other:1"]), monkeypatch)

    def no_engine():
        raise DockerException("connection refused")

    monkeypatch.setattr(docker, "from_env", no_engine)
    with pytest.raises(UserError, match=r"no container engine answers.*connection refused"):
        run_in_containers(read_document(file), file, {}, None)


@pytest.mark.parametrize("claims", [[], ["data", "more"], ["other"]])
def test_each_volume_of_the_pipeline_needs_a_folder_and_each_folder_a_volume(
    compiled, tmp_path, claims
):
    with pytest.raises(UserError, match=r"--volume CLAIM=FOLDER for \['data'\]"):
        volume_mounts(compiled, dict.fromkeys(claims, tmp_path))


def test_a_volume_is_mounted_where_the_pipeline_wants_it(compiled, tmp_path):
    assert volume_mounts(compiled, {"data": tmp_path}) == {tmp_path: "/mnt"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file", "nowhere.yaml"], "cannot read nowhere.yaml"),
        (["epochs=many"], "epochs must be a whole number"),
        (["--volume", "data"], "--volume takes CLAIM=FOLDER"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(compiled, tmp_path, arguments, message):
    file = tmp_path / "pipeline.yaml"
    file.write_text(compiled.to_yaml())
    command = [sys.executable, ROOT / "pipeline/run_containers.py", "--file", file]
    output = ["--output-dir", tmp_path / "run"]
    result = subprocess.run(
        [*command, *output, *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr

"""Real containers, of the images that `make images` built: `make test-containers` runs these.

They need Docker, or Podman by its Docker-compatible socket (DOCKER_HOST names it).
"""

import json
import os
from pathlib import Path

import pytest
import yaml

import docker
from pipeline.config import load_config
from pipeline.demo_data import write_orl_faces
from pipeline.kubeflow.compiler import compile_pipeline
from pipeline.kubeflow.containers import (
    Containers,
    StepFailedError,
    run_in_containers,
    volume_mounts,
)
from pipeline.kubeflow.document import read_document
from tests.conftest import LENIENT

pytestmark = pytest.mark.containers

IMAGE = os.environ.get("IMAGE", "arcface-pipeline") + ":" + os.environ.get("TAG", "0.1.0")
SETTINGS = {
    "data": {"input_dir": "/mnt/faces"},
    "model": {"input_shape": [32, 32, 1], "embedding_dim": 64, "arcface_scale": 32.0},
    "training": {"batch_size": 32, "epochs": 3},
    "evaluation": LENIENT,
    "tracking": {"enabled": False},
    "kubeflow": {
        "serving_dir": "/mnt/models/faces",
        "volumes": [
            {"claim": "faces", "mount_path": "/mnt/faces"},
            {"claim": "models", "mount_path": "/mnt/models"},
        ],
    },
}


@pytest.fixture
def compiled(tmp_path):
    """A short training on ORL, compiled into a folder with the faces and a place for models."""
    write_orl_faces(tmp_path / "faces")
    (tmp_path / "models").mkdir()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    document = compile_pipeline(load_config(tmp_path / "config.yaml"), IMAGE)
    (tmp_path / "pipeline.yaml").write_text(document.to_yaml())
    return tmp_path


def run_containers(folder: Path, printed: list[str]) -> None:
    """Runs all steps without a network, and adds what they print to `printed`."""
    file = folder / "pipeline.yaml"
    document = read_document(file)
    volumes = {"faces": folder / "faces", "models": folder / "models"}
    options = Containers(folder / "artifacts", volume_mounts(document, volumes), log=printed.append)
    run_in_containers(document, file, {}, options)


def run_local_in_image(folder: Path) -> None:
    """LocalDagRunner, in one container of the same image: the same stack, another runner."""
    docker.from_env().containers.run(
        IMAGE,
        [
            "python",
            "-m",
            "pipeline.run_local",
            "--config",
            "/run/config.yaml",
            "--output-dir",
            "/run/local",
        ],
        network_mode="none",
        user=f"{os.getuid()}:{os.getgid()}",
        environment={"HOME": "/tmp"},
        volumes={
            str(folder): {"bind": "/run", "mode": "rw"},
            str(folder / "faces"): {"bind": "/mnt/faces", "mode": "ro"},
        },
        remove=True,
    )


def plain_numbers(metrics: dict) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if isinstance(value, float)}


def test_containers_without_a_network_give_the_figures_of_the_local_runner(compiled):
    run_containers(compiled, printed=[])
    (file,) = (compiled / "artifacts").glob("*/*/evaluation/metrics.json")
    in_containers = json.loads(file.read_text())
    run_local_in_image(compiled)
    local = json.loads((compiled / "local/latest/metrics.json").read_text())
    assert in_containers["counts"] == local["counts"]
    assert plain_numbers(in_containers) == pytest.approx(plain_numbers(local), abs=1e-5)
    (pushed,) = (compiled / "models/faces").iterdir()
    assert (pushed / "saved_model.pb").exists()
    assert (pushed / "assets.extra/thresholds.json").exists()


def test_a_step_that_ends_with_3_fails_the_run_with_its_log_shown(compiled):
    document = read_document(compiled / "pipeline.yaml")
    executors = document.spec["deploymentSpec"]["executors"]
    container = executors["ImageExampleGen_executor"]["container"]
    container["command"] = ["sh", "-c", "echo going down; exit 3", "sh"]
    (compiled / "pipeline.yaml").write_text(document.to_yaml())
    printed: list[str] = []
    with pytest.raises(StepFailedError, match="ended with exit code 3:\ngoing down"):
        run_containers(compiled, printed)
    assert "going down" in "".join(printed)

"""The pipeline, compiled once; and the command that submits one, beside a server that takes it."""

import copy
import json

import pytest
from typer.testing import CliRunner

from pipeline.config import load_config
from pipeline.kubeflow.document import PipelineDocument
from pipeline.run_kubeflow import app
from tests.conftest import LENIENT
from tests.pipeline.kubeflow.sound import sound_document

LENIENT_SETTINGS = [f"evaluation.{key}={json.dumps(value)}" for key, value in LENIENT.items()]
SETTINGS = [
    "data.input_dir=/mnt/faces",
    "data.test_split=0.4",
    "model.input_shape=[32, 32, 3]",
    "model.embedding_dim=16",
    "training.augment=false",
    "training.epochs=50",
    "tracking.uri=http://mlflow.example:5000",
    "kubeflow.serving_dir=/mnt/models",
    "kubeflow.volumes=[{claim: data, mount_path: /mnt}]",
    "kubeflow.secrets=[{name: mlflow, env: {MLFLOW_TRACKING_PASSWORD: password}}]",
    "kubeflow.gpu.count=1",
    "kubeflow.node_selector={disk: fast}",
    *LENIENT_SETTINGS,
]
IMAGE, TRAINING_IMAGE = "registry.example/faces:1", "registry.example/faces-training:1"

# A pipeline of two steps, to be submitted.
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


@pytest.fixture(scope="session")
def compiled_once():
    from pipeline.kubeflow.compiler import compile_pipeline  # noqa: PLC0415 - TFX takes seconds

    return compile_pipeline(load_config(None, SETTINGS), IMAGE, TRAINING_IMAGE)


@pytest.fixture
def compiled(compiled_once) -> PipelineDocument:
    """A copy that the test may change."""
    return copy.deepcopy(compiled_once)


@pytest.fixture
def document() -> PipelineDocument:
    """A pipeline that has nothing wrong with it; the test may change it."""
    return sound_document()


@pytest.fixture
def no_settings_of_the_person(monkeypatch, tmp_path):
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "kfp" / "context.json"))
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(PipelineDocument(SPEC, PLATFORM).to_yaml(), encoding="utf-8")
    return path


@pytest.fixture
def server():
    from tests.pipeline.kubeflow.kfp_server import KfpServer, serving  # noqa: PLC0415 - kfp

    with serving(KfpServer()) as server:
        yield server


@pytest.fixture
def command(server, file, no_settings_of_the_person):
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

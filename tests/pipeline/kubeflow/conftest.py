"""The pipeline, compiled once."""

import copy
import json

import pytest

from pipeline.config import load_config
from pipeline.kubeflow.document import PipelineDocument
from tests.conftest import LENIENT

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


@pytest.fixture(scope="session")
def compiled_once():
    from pipeline.kubeflow.compiler import compile_pipeline  # noqa: PLC0415 - TFX takes seconds

    return compile_pipeline(load_config(None, SETTINGS), IMAGE, TRAINING_IMAGE)


@pytest.fixture
def compiled(compiled_once) -> PipelineDocument:
    """A copy that the test may change."""
    return copy.deepcopy(compiled_once)

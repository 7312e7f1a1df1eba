"""The manifest for KServe."""

import yaml

from pipeline.config import CONFIGS, load_config
from pipeline.kubeflow.inference_service import inference_service
from pipeline.serve import app
from tests.serving.service.options import options_of


def manifest(*settings):
    config = load_config(CONFIGS / "kubeflow.yaml", list(settings))
    text = inference_service(config.kubeflow, "registry.example/faces:1")
    return text and yaml.safe_load(text)


def test_it_serves_the_folder_that_models_are_pushed_to():
    predictor = manifest()["spec"]["predictor"]
    (container,) = predictor["containers"]
    assert container["image"] == "registry.example/faces:1"
    assert container["args"][:3] == ["serve", "--model-dir", "/mnt/models/faces"]
    assert container["volumeMounts"] == [
        {"name": "models", "mountPath": "/mnt/models", "readOnly": True}
    ]
    assert predictor["volumes"][0]["persistentVolumeClaim"]["claimName"] == "models"


def test_its_arguments_are_those_of_the_command_and_its_probes_those_of_the_protocol():
    (container,) = manifest()["spec"]["predictor"]["containers"]
    given = {argument for argument in container["args"] if argument.startswith("--")}
    assert given <= options_of(app)
    assert container["readinessProbe"]["httpGet"] == {"path": "/v2/health/ready", "port": 8080}
    assert container["ports"][0]["containerPort"] == 8080
    assert container["env"][0]["name"] == "ARCFACE_API_TOKEN"


def test_models_that_are_on_no_volume_have_no_manifest():
    assert manifest("kubeflow.serving_dir=gs://bucket/models") is None
    assert manifest("kubeflow.serving_dir=null") is None

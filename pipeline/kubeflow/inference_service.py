"""What KServe is told to serve the models that a pipeline pushes: an InferenceService."""

from typing import Any

import yaml

from pipeline.kubeflow.config import KubeflowConfig, VolumeConfig
from serving.service.tokens import TOKEN_VARIABLE

FILE_NAME = "inference_service.yaml"

_NAME = "arcface"
_PORT = 8080
# The secret that has to be there, and its key; see docs/serving.md.
_SECRET = {"name": "arcface-api-token", "key": "token"}
_SECONDS_TO_START = 300
_PERIOD = 5


def inference_service(kubeflow: KubeflowConfig, image: str) -> str | None:
    """The manifest, as YAML: `arcface serve` on the volume that models are pushed to.

    Args:
      kubeflow: the section of the configuration.
      image: that the service runs.

    Returns:
      None where models are pushed to no volume, which is what a container can be given.
    """
    folder = kubeflow.serving_dir
    volume = kubeflow.volume_of(folder) if folder else None
    if folder is None or volume is None:
        return None
    predictor = {
        "minReplicas": 1,
        "containers": [_container(kubeflow, image, folder, volume)],
        "volumes": [
            {
                "name": "models",
                "persistentVolumeClaim": {"claimName": volume.claim, "readOnly": True},
            }
        ],
    }
    manifest = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": _NAME},
        "spec": {"predictor": predictor},
    }
    return yaml.safe_dump(manifest, sort_keys=False)


def _container(
    kubeflow: KubeflowConfig, image: str, folder: str, volume: VolumeConfig
) -> dict[str, Any]:
    asked = kubeflow.resources.evaluation
    address = ["--host", "0.0.0.0", "--port", str(_PORT)]
    return {
        "name": "kserve-container",
        "image": image,
        "command": ["arcface"],
        "args": ["serve", "--model-dir", folder, "--name", _NAME, *address, "--rate", "0"],
        "ports": [{"containerPort": _PORT, "protocol": "TCP"}],
        "env": [{"name": TOKEN_VARIABLE, "valueFrom": {"secretKeyRef": dict(_SECRET)}}],
        "startupProbe": _probe("ready", failureThreshold=_SECONDS_TO_START // _PERIOD),
        "readinessProbe": _probe("ready"),
        "livenessProbe": _probe("live"),
        "resources": {
            "requests": {"cpu": asked.cpu_request, "memory": asked.memory_request},
            "limits": {"cpu": asked.cpu_limit, "memory": asked.memory_limit},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
        "volumeMounts": [{"name": "models", "mountPath": volume.mount_path, "readOnly": True}],
    }


def _probe(what: str, **more: int) -> dict[str, Any]:
    """A probe of the Open Inference Protocol, which needs no token."""
    request = {"path": f"/v2/health/{what}", "port": _PORT}
    return {"httpGet": request, "periodSeconds": _PERIOD, **more}

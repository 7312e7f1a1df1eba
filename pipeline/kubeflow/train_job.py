"""What Kubeflow Trainer is told to train with several workers: a TrainingRuntime and a TrainJob.

Kubeflow Trainer has no runtime for TensorFlow of its own. This one gives every pod the `TF_CONFIG`
that `components.trainer.devices` reads: Kubernetes puts in the name of the job and the number of
the pod, so that no program has to.
"""

import json
from typing import Any

import yaml

from pipeline.config import Config
from pipeline.kubeflow.config import KubeflowConfig, TrainJobConfig
from pipeline.kubeflow.pods import mounts, secret_variables, volumes

FILE_NAME = "train_job.yaml"

_JOB, _RUNTIME, _CONFIGURATION = "arcface", "arcface-tensorflow", "arcface-training"
_FOLDER, _FILE = "/etc/arcface", "training.yaml"
_API = "trainer.kubeflow.org/v1alpha1"
_TRAINER = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
_PORT = 2222

# Name of a variable -> where a pod of a JobSet has it.
_OF_THE_POD = {
    "JOBSET_NAME": "metadata.labels['jobset.sigs.k8s.io/jobset-name']",
    "WORKER_INDEX": "metadata.annotations['batch.kubernetes.io/job-completion-index']",
}


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such, for a person to read."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Overrides how text is written."""
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def train_job(config: Config, image: str) -> str | None:
    """The manifests, as YAML: the training's configuration, the runtime and the job.

    Args:
      config: what to do; `preflight.check_train_job` has nothing against it.
      image: that the workers run.

    Returns:
      None where no workers are asked for.
    """
    asked = config.kubeflow.train_job
    if not asked.workers:
        return None
    job = {
        "runtimeRef": {
            "apiGroup": _API.partition("/")[0],
            "kind": "TrainingRuntime",
            "name": _RUNTIME,
        },
        "trainer": {"args": _arguments(asked)},
    }
    documents = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": _CONFIGURATION},
            "data": {_FILE: _configuration(config)},
        },
        _document("TrainingRuntime", _RUNTIME, _runtime(config.kubeflow, image)),
        _document("TrainJob", _JOB, job),
    ]
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False)


def _document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": _API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _arguments(asked: TrainJobConfig) -> list[str]:
    return ["train", "--config", f"{_FOLDER}/{_FILE}", "--output-dir", str(asked.output_dir)]


def _configuration(config: Config) -> str:
    """All but what is Kubeflow's and Beam's; as it is now, whatever the image has for a default."""
    return yaml.safe_dump(config.model_dump(mode="json", exclude={"kubeflow", "beam"}))


def _runtime(kubeflow: KubeflowConfig, image: str) -> dict[str, Any]:
    pod = {
        "restartPolicy": "Never",
        "nodeSelector": dict(kubeflow.node_selector),
        "volumes": [*volumes(kubeflow), _configuration_volume()],
        "containers": [_container(kubeflow, image)],
    }
    node = {
        "name": "node",
        "template": {
            "metadata": {"labels": dict(_TRAINER)},
            # A worker that dies ends all; the JobSet starts them together.
            "spec": {"completionMode": "Indexed", "backoffLimit": 0, "template": {"spec": pod}},
        },
    }
    jobs = {
        # The workers look for each other before any of them is ready.
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
        "failurePolicy": {"maxRestarts": kubeflow.retries},
        "replicatedJobs": [node],
    }
    return {
        "mlPolicy": {"numNodes": kubeflow.train_job.workers},
        "template": {"spec": jobs},
    }


def _configuration_volume() -> dict[str, Any]:
    return {"name": _CONFIGURATION, "configMap": {"name": _CONFIGURATION}}


def _container(kubeflow: KubeflowConfig, image: str) -> dict[str, Any]:
    asked = kubeflow.resources.training
    limits = {"cpu": asked.cpu_limit, "memory": asked.memory_limit}
    if kubeflow.gpu.count:
        limits[kubeflow.gpu.type] = str(kubeflow.gpu.count)
    return {
        "name": "node",
        "image": image,
        "command": ["arcface"],
        "env": [*_cluster(kubeflow.train_job.workers), *secret_variables(kubeflow)],
        "ports": [{"containerPort": _PORT, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": asked.cpu_request, "memory": asked.memory_request},
            "limits": limits,
        },
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
        "volumeMounts": [
            *mounts(kubeflow),
            {"name": _CONFIGURATION, "mountPath": _FOLDER, "readOnly": True},
        ],
    }


def _cluster(workers: int) -> list[dict[str, Any]]:
    """TF_CONFIG, after the variables that it is made of: Kubernetes puts them in by this order."""
    hosts = [f"$(JOBSET_NAME)-node-0-{index}.$(JOBSET_NAME):{_PORT}" for index in range(workers)]
    cluster = json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": 0}})
    of_the_pod = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in _OF_THE_POD.items()
    ]
    value = cluster.replace('"index": 0', '"index": $(WORKER_INDEX)')
    return [*of_the_pod, {"name": "TF_CONFIG", "value": value}]

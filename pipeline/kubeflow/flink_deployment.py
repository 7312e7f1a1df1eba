"""What Flink's operator is told to run the steps on Beam by: a cluster, and Beam's job server.

Each TaskManager has a pool of Python workers beside it, in the image of the steps.
"""

from typing import Any

import yaml

from pipeline.kubeflow.config import KubeflowConfig
from pipeline.kubeflow.pods import mounts, secret_variables, volumes

FILE_NAME = "flink_deployment.yaml"

_CLUSTER, _JOB_SERVER = "arcface-flink", "arcface-beam-job-server"
_JOB_PORT, _ARTIFACT_PORT, _REST_PORT, _POOL_PORT = 8099, 8098, 8081, 50000
_POOL = "apache_beam.runners.worker.worker_pool_main"

# A failed step is tried again by Kubeflow, too.
_RESTARTS = {
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "3",
    "restart-strategy.fixed-delay.delay": "10 s",
    # Statistics make a hundred shuffles: with 512 buffers for each, a small memory is too small.
    "taskmanager.network.sort-shuffle.min-buffers": "64",
}


def flink_deployment(kubeflow: KubeflowConfig, image: str) -> str | None:
    """The manifests, as YAML: a FlinkDeployment, and the Deployment and Service of the job server.

    Args:
      kubeflow: the section of the configuration; `preflight.check_flink` has nothing against it.
      image: of the steps, in which the Python workers run.

    Returns:
      None where no TaskManagers are asked for.
    """
    if not kubeflow.flink.task_managers:
        return None
    documents = [_deployment(kubeflow, image), *_job_server(kubeflow)]
    return yaml.safe_dump_all(documents, sort_keys=False)


def beam_args(kubeflow: KubeflowConfig) -> list[str]:
    """Options of Beam by which a step runs there."""
    asked = kubeflow.flink
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={_JOB_SERVER}:{_JOB_PORT}",
        f"--artifact_endpoint={_JOB_SERVER}:{_ARTIFACT_PORT}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{_POOL_PORT}",
        "--sdk_container_image=none",
        f"--parallelism={asked.task_managers * asked.slots}",
    ]


def _deployment(kubeflow: KubeflowConfig, image: str) -> dict[str, Any]:
    asked = kubeflow.flink
    resources = kubeflow.resources.data
    workers = {
        "volumes": volumes(kubeflow),
        "containers": [
            {"name": "flink-main-container", "volumeMounts": mounts(kubeflow)},
            _pool(kubeflow, image),
        ],
    }
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": _CLUSTER},
        "spec": {
            "image": asked.image,
            "flinkVersion": "v1_19",
            # Natively, Flink starts TaskManagers as jobs ask for slots, whatever `replicas` says.
            "mode": "standalone",
            "serviceAccount": asked.service_account,
            "flinkConfiguration": _RESTARTS | {"taskmanager.numberOfTaskSlots": str(asked.slots)},
            "jobManager": {"resource": {"cpu": 1, "memory": "2Gi"}},
            "taskManager": {
                "replicas": asked.task_managers,
                "resource": {"cpu": 1, "memory": resources.memory_request},
                "podTemplate": {"spec": workers},
            },
        },
    }


def _pool(kubeflow: KubeflowConfig, image: str) -> dict[str, Any]:
    asked = kubeflow.resources.data
    return {
        "name": "beam-worker-pool",
        "image": image,
        "command": ["python", "-m", _POOL],
        "args": [f"--service_port={_POOL_PORT}"],
        "env": secret_variables(kubeflow),
        "resources": {
            "requests": {"cpu": asked.cpu_request, "memory": asked.memory_request},
            "limits": {"cpu": asked.cpu_limit, "memory": asked.memory_limit},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
        "volumeMounts": mounts(kubeflow),
    }


def _job_server(kubeflow: KubeflowConfig) -> list[dict[str, Any]]:
    labels = {"app": _JOB_SERVER}
    ports = {"job": _JOB_PORT, "artifacts": _ARTIFACT_PORT}
    container = {
        "name": "job-server",
        "image": kubeflow.flink.job_server_image,
        "args": [
            f"--flink-master={_CLUSTER}-rest:{_REST_PORT}",
            f"--job-port={_JOB_PORT}",
            f"--artifact-port={_ARTIFACT_PORT}",
            "--expansion-port=0",
        ],
        "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": _JOB_SERVER},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _JOB_SERVER},
            "spec": {
                "selector": labels,
                "ports": [{"name": name, "port": port} for name, port in ports.items()],
            },
        },
    ]

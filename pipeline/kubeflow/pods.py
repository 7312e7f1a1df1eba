"""What a pod of the project has on a cluster, whoever starts it, as Kubernetes writes it."""

from typing import Any

from pipeline.kubeflow.config import KubeflowConfig


def volumes(kubeflow: KubeflowConfig) -> list[dict[str, Any]]:
    """The volumes of the configuration."""
    return [
        {"name": one.claim, "persistentVolumeClaim": {"claimName": one.claim}}
        for one in kubeflow.volumes
    ]


def mounts(kubeflow: KubeflowConfig) -> list[dict[str, Any]]:
    """Where a container sees these volumes."""
    return [{"name": one.claim, "mountPath": one.mount_path} for one in kubeflow.volumes]


def secret_variables(kubeflow: KubeflowConfig) -> list[dict[str, Any]]:
    """The environment variables that are in secrets."""
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for secret in kubeflow.secrets
        for variable, key in sorted(secret.env.items())
    ]

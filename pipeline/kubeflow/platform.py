"""The part of the specification that only Kubernetes reads, as kfp-kubernetes defines it."""

from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb2

from pipeline.kubeflow.completion import TRAINER
from pipeline.kubeflow.config import KubeflowConfig, SecretConfig, VolumeConfig
from pipeline.kubeflow.document import PipelineDocument, Step


def platform_spec(document: PipelineDocument, settings: KubeflowConfig) -> dict[str, Any]:
    """Volumes and secrets for every step, and the node selector for the Trainer.

    Returns:
      PlatformSpec as JSON has it; empty where nothing is asked of Kubernetes.
    """
    configs = {step.label: _executor_config(step, settings) for step in document.steps}
    executors = {label: config for label, config in configs.items() if config}
    if not executors:
        return {}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _executor_config(step: Step, settings: KubeflowConfig) -> dict[str, Any]:
    config = kubernetes_pb2.KubernetesExecutorConfig(
        pvc_mount=[_pvc_mount(volume) for volume in settings.volumes],
        secret_as_env=[_secret_as_env(secret) for secret in settings.secrets],
    )
    if step.name == TRAINER:
        config.node_selector.labels.update(settings.node_selector)
    return json_format.MessageToDict(config)


def _pvc_mount(volume: VolumeConfig) -> kubernetes_pb2.PvcMount:
    mount = kubernetes_pb2.PvcMount(constant=volume.claim, mount_path=volume.mount_path)
    # The name is given twice, as kfp.kubernetes does it: older backends read only `constant`.
    mount.pvc_name_parameter.runtime_value.constant.string_value = volume.claim
    return mount


def _secret_as_env(secret: SecretConfig) -> kubernetes_pb2.SecretAsEnv:
    result = kubernetes_pb2.SecretAsEnv(secret_name=secret.name)
    result.secret_name_parameter.runtime_value.constant.string_value = secret.name
    for variable, key in sorted(secret.env.items()):
        result.key_to_env.add(secret_key=key, env_var=variable)
    return result

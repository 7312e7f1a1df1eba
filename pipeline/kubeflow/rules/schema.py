"""Rules of the lint: the fields that KFP's own definitions have, with values of their types.

The API server of KFP reads a pipeline by the same definitions, and takes no field that they lack;
but for those of the executors, where it passes over them.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.finding import Finding


def check_schema(document: PipelineDocument) -> Iterator[Finding]:
    """What the API server would refuse to read, or its compiler."""
    # Half a second, with protobuf and all that kfp brings: not for --help.
    from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb2  # noqa: PLC0415
    from kfp.pipeline_spec import pipeline_spec_pb2  # noqa: PLC0415

    yield from _check("pipeline", document.spec, pipeline_spec_pb2.PipelineSpec())
    yield from _check(
        "deploymentSpec",
        document.spec.get("deploymentSpec", {}),
        pipeline_spec_pb2.PipelineDeploymentConfig(),
        ignore_unknown_fields=True,
    )
    for label, config in document.executor_configs.items():
        where = f"platform part of {label}"
        yield from _check(where, config, kubernetes_pb2.KubernetesExecutorConfig())


def _check(where: str, part: Any, message: Message, **options: bool) -> Iterator[Finding]:
    try:
        json_format.ParseDict(part, message, **options)
    except json_format.ParseError as error:
        yield Finding("schema", where, f"{error} (by kfp {version('kfp')})")

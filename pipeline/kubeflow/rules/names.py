"""Rules of the lint: names and quantities within the limits of Kubernetes, Argo and KFP."""

import re
from collections.abc import Iterator

from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.finding import Finding
from pipeline.kubeflow.quantity import parse_quantity

# A run is named <pipeline>-<5 letters>, and its name is a label: 63 characters at most.
_PIPELINE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,55}[a-z0-9])?")
# Argo takes 128 characters, and KFP adds "-driver".
_TASK_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,120}")
_PARAMETER_NAME = re.compile(r"[a-zA-Z][-_a-zA-Z0-9]{0,127}")
_OBJECT_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LABEL_PART = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")

_IMAGE = re.compile(
    r"([a-zA-Z0-9.-]+(:[0-9]+)?/)?"
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?P<tag>:\w[\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_TFX_IMAGE = "gcr.io/tfx-oss-public/tfx"


def check_names(document: PipelineDocument) -> Iterator[Finding]:
    """Names of the pipeline, its steps and its parameters."""
    name = document.spec["pipelineInfo"].get("name", "")
    if not _PIPELINE_NAME.fullmatch(name):
        yield Finding(
            "names",
            "pipeline",
            "its name must be at most 57 lower-case letters, digits and hyphens, with a hyphen at "
            f"neither end. Received: {name}",
        )
    for step in document.steps:
        if not _TASK_NAME.fullmatch(step.name):
            yield Finding(
                "names",
                f"step {step.name}",
                "its name must be at most 121 letters, digits and hyphens, and start with no "
                f"hyphen. Received: {step.name}",
            )
    for name in document.parameters:
        if not _PARAMETER_NAME.fullmatch(name):
            yield Finding(
                "names",
                f"parameter {name}",
                "its name must be letters, digits, hyphens and underscores, and start with a "
                f"letter. Received: {name}",
            )


def check_images(document: PipelineDocument) -> Iterator[Finding]:
    """Every container has a well-formed image, and not the one that TFX takes by default."""
    for step in document.steps:
        image = step.container.get("image", "")
        where = f"step {step.name}"
        match = _IMAGE.fullmatch(image)
        if not match:
            yield Finding(
                "images",
                where,
                "its image must be like registry.example/name:tag, in lower case. "
                f"Received: {image!r}",
            )
        elif image.partition(":")[0] == _TFX_IMAGE:
            yield Finding(
                "images", where, f"{image} is TFX's own image, which lacks this project's code"
            )
        elif not match["digest"] and match["tag"] in (None, ":latest"):
            yield Finding(
                "images",
                where,
                f"{image} may be another image tomorrow: give it a tag other than latest",
                "warning",
            )


def check_resources(document: PipelineDocument) -> Iterator[Finding]:
    """Requests within limits: Kubernetes refuses the pod otherwise, when the run is under way."""
    for step in document.steps:
        resources = step.container.get("resources", {})
        for kind in ("Cpu", "Memory"):
            request, limit = (
                resources.get(f"resource{kind}{bound}", "") for bound in ("Request", "Limit")
            )
            try:
                too_much = request and limit and parse_quantity(request) > parse_quantity(limit)
            except ValueError as error:
                yield Finding("resources", f"step {step.name}", f"{kind.lower()}: {error}")
                continue
            if too_much:
                yield Finding(
                    "resources",
                    f"step {step.name}",
                    f"{kind.lower()}: the request must not be above the limit. "
                    f"Received: {request}, limit {limit}",
                )


def check_platform_names(document: PipelineDocument) -> Iterator[Finding]:
    """Names of claims, secrets, environment variables and labels in the platform part."""
    for label, config in document.executor_configs.items():
        where = f"platform part of {label}"
        names = [("claim", mount.get("constant", "")) for mount in config.get("pvcMount", [])]
        secrets = config.get("secretAsEnv", [])
        names += [("secret", secret.get("secretName", "")) for secret in secrets]
        for kind, name in names:
            if not _OBJECT_NAME.fullmatch(name):
                yield Finding("names", where, f"not a name for a {kind}: {name!r}")
        for mapping in (item for secret in secrets for item in secret.get("keyToEnv", [])):
            variable, key = mapping.get("envVar", ""), mapping.get("secretKey", "")
            if not _VARIABLE.fullmatch(variable):
                yield Finding("names", where, f"not an environment variable: {variable!r}")
            if not _SECRET_KEY.fullmatch(key):
                yield Finding("names", where, f"not a key of a secret: {key!r}")
        for key, value in config.get("nodeSelector", {}).get("labels", {}).items():
            if not _is_label(key, value):
                yield Finding("names", where, f"not a label of a node: {key}={value}")


def _is_label(key: str, value: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(
        _LABEL_PART.fullmatch(name)
        and (not slash or _OBJECT_NAME.fullmatch(prefix))
        and (not value or _LABEL_PART.fullmatch(value))
    )

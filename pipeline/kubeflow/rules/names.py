"""Rules of the lint: names and quantities within the limits of Kubernetes, Argo and KFP."""

import re
from collections.abc import Iterator
from typing import Any

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
_VOLUME_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LAUNCHERS_VOLUMES = (
    "kfp-launcher",
    "gcs-scratch",
    "s3-scratch",
    "minio-scratch",
    "dot-local-scratch",
    "dot-cache-scratch",
    "dot-config-scratch",
)
_PULL_POLICIES = ("Always", "Never", "IfNotPresent")
_COUNT = re.compile(r"[0-9]{1,9}")
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
    """Quantities and accelerators that KFP's driver reads, and requests within limits.

    Kubernetes refuses the pod otherwise, when the run is under way.
    """
    for step in document.steps:
        where, resources = f"step {step.name}", step.container.get("resources", {})
        for kind in ("Cpu", "Memory"):
            bounds = [resources.get(f"resource{kind}{bound}", "") for bound in ("Request", "Limit")]
            try:
                values = [parse_quantity(text) for text in bounds if not _is_placeholder(text)]
            except ValueError as error:
                yield Finding("resources", where, f"{kind.lower()}: {error}")
                continue
            if len(values) == len(bounds) and values[0] > values[1]:
                yield Finding(
                    "resources",
                    where,
                    f"{kind.lower()}: the request must not be above the limit. "
                    f"Received: {bounds[0]}, limit {bounds[1]}",
                )
        yield from _check_accelerator(where, resources.get("accelerator", {}))


def _is_placeholder(text: str) -> bool:
    """Whether a text says nothing before the run: it is empty, or a parameter's place."""
    return not text or text.startswith("{{$")


def _check_accelerator(where: str, accelerator: dict[str, str]) -> Iterator[Finding]:
    count, name = (accelerator.get(f"resource{part}", "") for part in ("Count", "Type"))
    if not _is_placeholder(count) and not _COUNT.fullmatch(count):
        yield Finding("resources", where, f"accelerators are whole ones. Received: {count!r}")
    if not _is_placeholder(name) and not _is_label(name, ""):
        yield Finding("resources", where, f"not the name of an accelerator: {name!r}")


def check_environment(document: PipelineDocument) -> Iterator[Finding]:
    """Variables of the containers that Kubernetes takes."""
    for step in document.steps:
        for variable in step.container.get("env", []):
            name = variable["name"]
            if not _VARIABLE.fullmatch(name):
                yield Finding(
                    "names", f"step {step.name}", f"not an environment variable: {name!r}"
                )


def check_platform_names(document: PipelineDocument) -> Iterator[Finding]:
    """Names of claims, secrets, environment variables and labels in the platform part."""
    for label, config in document.executor_configs.items():
        where = f"platform part of {label}"
        secrets = config.get("secretAsEnv", [])
        yield from _check_claims(where, config.get("pvcMount", []))
        for name in (_named(secret, "secretName", "secretNameParameter") for secret in secrets):
            if name is not None and not _OBJECT_NAME.fullmatch(name):
                yield Finding("names", where, f"not a name for a secret: {name!r}")
        for mapping in (item for secret in secrets for item in secret.get("keyToEnv", [])):
            variable, key = mapping.get("envVar", ""), mapping.get("secretKey", "")
            if not _VARIABLE.fullmatch(variable):
                yield Finding("names", where, f"not an environment variable: {variable!r}")
            if not _SECRET_KEY.fullmatch(key):
                yield Finding("names", where, f"not a key of a secret: {key!r}")
        for key, value in config.get("nodeSelector", {}).get("labels", {}).items():
            if not _is_label(key, value):
                yield Finding("names", where, f"not a label of a node: {key}={value}")
        if config.get("imagePullPolicy", "Always") not in _PULL_POLICIES:
            yield Finding(
                "names",
                where,
                f"imagePullPolicy is one of {', '.join(_PULL_POLICIES)}. "
                f"Received: {config['imagePullPolicy']!r}",
            )


def _check_claims(where: str, mounts: list[dict[str, Any]]) -> Iterator[Finding]:
    """KFP's driver calls the volume after the claim, and beside it there are its launcher's."""
    for name in (_named(mount, "constant", "pvcNameParameter") for mount in mounts):
        if name is None:
            continue
        if not _VOLUME_NAME.fullmatch(name) or name in _LAUNCHERS_VOLUMES:
            yield Finding(
                "names",
                where,
                "not a name for a claim, after which KFP calls a volume: at most 63 lower-case "
                "letters, digits and hyphens, with a hyphen at neither end, and none of the "
                f"launcher's. Received: {name!r}",
            )


def _named(item: dict[str, Any], old_key: str, key: str) -> str | None:
    """The name that KFP takes; None where it is known at the run only."""
    parameter = item.get(key)
    if parameter is None:
        return item.get(old_key, "")
    constant = parameter.get("runtimeValue", {}).get("constant")
    return constant if isinstance(constant, str) else None


def _is_label(key: str, value: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(
        _LABEL_PART.fullmatch(name)
        and (not slash or _OBJECT_NAME.fullmatch(prefix))
        and (not value or _LABEL_PART.fullmatch(value))
    )

"""Rules of the lint: paths that exist in the steps, and nothing secret in clear."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from groundfloor.credentials import has_credentials
from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.finding import Finding
from pipeline.kubeflow.values import Value, all_values

_PIPELINE_ROOT = re.compile(r"(minio|s3|gs)://[a-z0-9][-._a-z0-9]*(/.*)?")

# The launcher mounts its own volumes there; below these a volume may hold a bucket's files.
_STAGES = ("/minio", "/s3", "/gcs")
_LAUNCHERS_FOLDERS = (
    "/kfp-launcher",
    "/kfp-workspace",
    "/.local",
    "/.cache",
    "/.config",
)

# Of a container, and gone with it.
_SCRATCH = "/tmp"

_LOCAL_PATH = re.compile(r"(?:file://|sqlite:///)?(/[\w.].*)")
_PLACES = ("input_base", "baseline_dir", "base_directory", "data-dir")
# Those of them that hold images, which fsspec reads; it knows no minio://.
_IMAGES = ("input_base", "data-dir")
_STORE = re.compile(r"(?!minio:)[a-z][a-z0-9+.-]+://[^/].*")

_SECRET_NAME = re.compile(
    r"passw|secret|token|credential|private.?key|api.?key|access.?key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|\bgh[pousr]_\w{36}")


def check_pipeline_root(document: PipelineDocument) -> Iterator[Finding]:
    """Artifacts in an object store; on a path only where a volume is."""
    root = document.spec.get("defaultPipelineRoot")
    if root is None or _PIPELINE_ROOT.fullmatch(root):
        return
    where = "pipeline root"
    if not root.startswith("/"):
        yield Finding(
            "pipeline-root",
            where,
            f"it must be minio://, s3:// or gs://, with a bucket. Received: {root}",
        )
    elif not _is_within(root, _mount_paths(document)):
        yield Finding(
            "pipeline-root",
            where,
            f"{root} is a path within each step's container, which no other step sees: use "
            "minio://, s3:// or gs://, or mount a volume there",
        )
    else:
        yield Finding(
            "pipeline-root",
            where,
            f"KFP's launcher takes no path, only minio://, s3:// and gs://; {root} can be run by "
            "kfp.local alone",
            "warning",
        )


def check_host_paths(document: PipelineDocument) -> Iterator[Finding]:
    """A path must be on a volume: what is on this machine is not in the container."""
    mounts = _mount_paths(document)
    for value in all_values(document):
        match = _LOCAL_PATH.fullmatch(value.text)
        if match and not _is_within(match[1], [*mounts, _SCRATCH]):
            yield Finding(
                "host-paths",
                value.where,
                f"{value.text} is on none of the volumes that the steps see. "
                f"Volumes: {', '.join(mounts) or 'none'}",
            )
        elif value.name in _PLACES and not match and not _is_store(value):
            store = "a store such as s3://" if value.name in _IMAGES else "gs:// or s3://"
            yield Finding(
                "host-paths",
                value.where,
                f"it must be an absolute path on a volume, or {store}. Received: {value.text!r}",
            )


def _is_store(value: Value) -> bool:
    """Whether the step that a value is for reads, or writes, such a URL itself."""
    if value.name in _IMAGES:
        return _STORE.fullmatch(value.text) is not None
    return value.text.startswith(("gs://", "s3://"))


def check_volumes(document: PipelineDocument) -> Iterator[Finding]:
    """Volumes are mounted once each, and out of the launcher's way."""
    for label, config in document.executor_configs.items():
        where = f"platform part of {label}"
        paths = [mount.get("mountPath", "") for mount in config.get("pvcMount", [])]
        for path in paths:
            if not path.startswith("/") or path == "/" or ":" in path:
                yield Finding(
                    "volumes", where, f"a volume is mounted at an absolute path. Received: {path!r}"
                )
            elif path.rstrip("/") in _STAGES or _is_within(path, _LAUNCHERS_FOLDERS):
                yield Finding("volumes", where, f"{path} belongs to KFP's launcher")
        for path in sorted({path for path in paths if paths.count(path) > 1}):
            yield Finding("volumes", where, f"two volumes are mounted at {path}")


def check_platform_steps(document: PipelineDocument) -> Iterator[Finding]:
    """The platform part names steps that are there, and gives every step the same volumes."""
    labels = {step.label for step in document.steps}
    configs = document.executor_configs
    for label in sorted(set(configs) - labels):
        yield Finding("platform", f"platform part of {label}", "no step has this executor")
    for kind in ("pvcMount", "secretAsEnv"):
        given = {label: configs.get(label, {}).get(kind) for label in sorted(labels)}
        if any(given.values()):
            for label in (label for label, items in given.items() if not items):
                yield Finding(
                    "platform", f"platform part of {label}", f"no {kind}, which other steps have"
                )


def check_secrets(document: PipelineDocument) -> Iterator[Finding]:
    """Nothing secret in clear: the file is stored by KFP, and seen by all who see the pipeline."""
    for value in all_values(document):
        if _is_secret(value):
            yield Finding(
                "secrets",
                value.where,
                "it looks like a secret in clear (not shown here): put it into a Kubernetes "
                "secret, and that into kubeflow.secrets",
            )


def _is_secret(value: Value) -> bool:
    names_a_variable = value.name.endswith("_env")
    named_so = _SECRET_NAME.search(value.name) and value.text and not names_a_variable
    return bool(named_so or _SECRET_TEXT.search(value.text) or has_credentials(value.text))


def _mount_paths(document: PipelineDocument) -> list[str]:
    """Where every step sees a volume."""
    mounted = [
        {
            mount.get("mountPath", "")
            for mount in document.executor_configs.get(step.label, {}).get("pvcMount", [])
        }
        for step in document.steps
    ]
    return sorted(set.intersection(*mounted)) if mounted else []


def _is_within(path: str, folders: list[str] | tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)

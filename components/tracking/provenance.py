"""What a run has to say of where it comes from: the code, the libraries, the data, the settings."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import tensorflow as tf

_ROOT = Path(__file__).resolve().parents[2]
_LOCK = _ROOT / "requirements.lock"

_SECONDS = 10
_NAMED = ("tensorflow", "keras", "mlflow", "tfx", "numpy")

# At the end of a gzip file: the CRC-32 and the length of what it holds.
_TRAILER_BYTES = 8


def tags(train_files: Iterable[str]) -> dict[str, str]:
    """Tags of a run on shards: those of `tags_of`, with the digest of the shards.

    Args:
      train_files: the shards that it is trained on.
    """
    return tags_of(data_digest=digest(train_files))


def tags_of(**data: str) -> dict[str, str]:
    """Tags of a run: versions, the lock, the commit where there is one, and the data.

    Args:
      data: name -> what tells its data from others.
    """
    versions = {name: version for name, version in packages().items() if name in _NAMED}
    values = {**versions, "python": platform.python_version(), **data}
    if _LOCK.is_file():
        values["lock_sha256"] = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    return {f"arcface_pipeline.{name}": value for name, value in values.items()} | git_tags()


def git_tags(root: Path = _ROOT) -> dict[str, str]:
    """The commit of a checkout, and whether it was changed since, under MLflow's own names.

    Empty where the folder is no checkout, or one of something else around it.
    """
    if _git(root, "rev-parse", "--show-toplevel") != str(root):
        return {}
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "mlflow.source.git.commit": _git(root, "rev-parse", "HEAD"),
        "mlflow.source.git.dirty": str(bool(changed)).lower(),
    }


def packages() -> dict[str, str]:
    """Name -> version of every installed distribution."""
    found = {item.metadata["Name"].lower(): item.version for item in distributions()}
    return dict(sorted(found.items()))


def environment() -> str:
    """What the code runs in, as JSON: Python, the machine, and every installed distribution."""
    values = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": packages(),
    }
    return json.dumps(values, indent=2) + "\n"


def digest(files: Iterable[str]) -> str:
    """SHA-256 over the lengths and the checksums of gzipped files, in their order.

    A gzip file ends in the CRC-32 of all that it holds, so that no more than this is read, however
    large the data are. It tells data apart that differ; it does not withstand somebody who forges
    them.
    """
    whole = hashlib.sha256()
    for file in files:
        with tf.io.gfile.GFile(file, "rb") as content:
            content.seek(content.size() - _TRAILER_BYTES)
            whole.update(content.read(_TRAILER_BYTES))
    return whole.hexdigest()


def parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings as parameters: `training.epochs` -> "3"."""
    return {key: str(value) for key, value in _flat("", settings)}


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _git(root: Path, *arguments: str) -> str:
    """What git says; empty if there is no git, or it has nothing to say of this folder."""
    try:
        run = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()

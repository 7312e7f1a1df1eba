"""Runs a compiled pipeline on this machine, each step in its own container, with `kfp.local`.

The images, commands and arguments are those that a cluster would use; the artifacts lie in a folder
that every container sees at the same path. Docker runs them, or Podman by its Docker-compatible
socket (DOCKER_HOST names it).
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import DockerException
from kfp import components, local
from kfp.local import docker_task_handler, status

import docker
from groundfloor.errors import UserError
from pipeline.kubeflow.document import PipelineDocument, Step

_EXECUTOR_FLAG = "--executor_class_path"

# Of what a failed step printed, the lines that its error shows.
_LAST_LINES = 20


class StepFailedError(Exception):
    """A step's container ended with another exit code than 0.

    The message names the step, and ends with the last lines that it printed.
    """


@dataclass(frozen=True)
class Containers:
    """How the containers of a run are started.

    Attributes:
      artifacts: the folder of the artifacts.
      mounts: folder of this machine -> where the containers see it.
      log: takes what the containers print.
      on_end: called with the name of a step and its seconds when it has succeeded.
      network: of the containers; "none" cuts them off.
    """

    artifacts: Path
    mounts: Mapping[Path, str]
    log: Callable[[str], object]
    on_end: Callable[[str, float], None] = lambda step, seconds: None
    network: str = "none"


def volume_mounts(document: PipelineDocument, volumes: Mapping[str, Path]) -> dict[Path, str]:
    """Where the pipeline wants each of its volumes, for the folders that stand in for them.

    Args:
      document: the compiled pipeline, whose platform part names PersistentVolumeClaims.
      volumes: claim -> folder of this machine.

    Raises:
      UserError: a claim has no folder, or a folder has no claim.
    """
    claims = {
        mount["constant"]: mount["mountPath"]
        for executor in document.executor_configs.values()
        for mount in executor.get("pvcMount", [])
    }
    if set(claims) != set(volumes):
        raise UserError(
            "each volume of the pipeline needs a folder: --volume CLAIM=FOLDER for "
            f"{sorted(claims) or 'none'}. Received: {sorted(volumes) or 'none'}"
        )
    return {volumes[claim].resolve(): path for claim, path in claims.items()}


def run_in_containers(
    document: PipelineDocument, file: Path, arguments: Mapping[str, Any], containers: Containers
) -> None:
    """Runs all steps, one after another.

    Args:
      document: the compiled pipeline.
      file: where it was read from.
      arguments: runtime parameters, typed.
      containers: how to run them.

    Raises:
      UserError: there is no container engine, or it lacks an image.
      StepFailedError: a step failed.
    """
    _check_engine({step.container["image"] for step in document.steps})
    pipeline = components.load_component_from_file(str(file))
    local.init(local.DockerRunner(), pipeline_root=str(containers.artifacts), raise_on_error=False)
    steps = {_executor_of(step.container["args"]): step for step in document.steps}
    failed: list[str] = []
    with _step_containers(containers, steps, failed):
        pipeline(**arguments)
    if failed:
        raise StepFailedError(failed[0])


def _check_engine(images: set[str]) -> None:
    try:
        client = docker.from_env()
        # Podman says localhost/faces:1 of what both know by faces:1.
        tags = {tag for image in client.images.list() for tag in image.tags}
        known = tags | {tag.removeprefix("localhost/") for tag in tags}
    except DockerException as error:
        raise UserError(
            "no container engine answers: start Docker, or Podman's socket and name it in "
            f"DOCKER_HOST. Received: {error}"
        ) from None
    missing = sorted(images - known)
    if missing:
        raise UserError(f"the container engine lacks images: {missing}; `make images` builds them")


@contextmanager
def _step_containers(
    containers: Containers, steps: Mapping[str, Step], failed: list[str]
) -> Iterator[None]:
    """Has `kfp.local` start its containers with `_run_container`.

    Its own handler mounts nothing but the artifacts, gives no say in network or user, leaves out
    the environment that the specification gives a container, and takes the exit code from the
    engine's answer to `wait`, which Podman's socket has been seen to give as 0 for a container that
    failed. `kfp.local` offers no place for another handler, so its class is replaced while the
    pipeline runs.
    """

    class StepHandler(docker_task_handler.DockerTaskHandler):
        def run(self) -> status.Status:
            step = steps[_executor_of(self.full_command)]
            started = time.monotonic()
            exit_code, printed = _run_container(step, self.full_command, containers)
            if exit_code:
                failed.append(f"the step {step.name} ended with exit code {exit_code}:\n{printed}")
                return status.Status.FAILURE
            containers.on_end(step.name, time.monotonic() - started)
            return status.Status.SUCCESS

    former = docker_task_handler.DockerTaskHandler
    docker_task_handler.DockerTaskHandler = StepHandler
    try:
        yield
    finally:
        docker_task_handler.DockerTaskHandler = former


def _run_container(step: Step, command: list[str], containers: Containers) -> tuple[int, str]:
    """The exit code, and the last lines printed."""
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    folders = {containers.artifacts: str(containers.artifacts)} | dict(containers.mounts)
    variables = {item["name"]: item["value"] for item in step.container.get("env", [])}
    client = docker.from_env()
    container = client.containers.run(
        step.container["image"],
        command,
        detach=True,
        network_mode=containers.network,
        # What the steps write belongs to whoever runs them, not to the image's user.
        user=f"{os.getuid()}:{os.getgid()}",
        environment={"HOME": "/tmp"} | variables,
        volumes={str(here): {"bind": there, "mode": "rw"} for here, there in folders.items()},
    )
    try:
        for line in container.logs(stream=True):
            last_lines.append(line.decode(errors="replace"))
            containers.log(last_lines[-1])
        container.wait()
        container.reload()
        return container.attrs["State"]["ExitCode"], "".join(last_lines).rstrip()
    finally:
        container.remove(force=True)


def _executor_of(command: Sequence[str]) -> str:
    """What tells the steps apart: `kfp.local` does not say whose command it is."""
    return command[list(command).index(_EXECUTOR_FLAG) + 1]

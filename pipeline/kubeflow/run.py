"""A run as a server of Kubeflow Pipelines tells of it, and why one did not succeed."""

from collections.abc import Collection
from dataclasses import dataclass

SUCCEEDED, FAILED, CANCELED = "SUCCEEDED", "FAILED", "CANCELED"
FINAL_STATES = frozenset({SUCCEEDED, FAILED, CANCELED, "SKIPPED"})

_NO_REASON = "the server does not say why; the log of the step does"


class RunNotSucceededError(Exception):
    """A run failed, was cancelled, or could not be followed to its end; the message says which."""


@dataclass(frozen=True)
class Task:
    """One node of a run.

    Attributes:
      name: of the step, or of one of KFP's own nodes, such as "Trainer-driver".
      state: as the API has it, such as "RUNNING".
      seconds: how long it took; None where the server does not tell.
      error: why it failed; often empty, since servers up to 2.17 do not tell.
    """

    name: str
    state: str
    seconds: float | None
    error: str


@dataclass(frozen=True)
class Run:
    """A run as the server sees it.

    Attributes:
      id: of the run.
      state: as the API has it, such as "RUNNING".
      error: why it failed, where the server tells.
      tasks: those that exist so far, in the order of their start.
    """

    id: str
    state: str
    error: str
    tasks: tuple[Task, ...]


def check_outcome(run: Run, steps: Collection[str]) -> None:
    """Says why a run did not succeed.

    Args:
      run: one that has ended.
      steps: names of the pipeline's steps.

    Raises:
      RunNotSucceededError: naming the steps that failed, and why.
    """
    if run.state == SUCCEEDED:
        return
    if run.state == CANCELED:
        raise RunNotSucceededError("the run was cancelled")
    causes = _causes(run, steps)
    lines = [f"{task.name}: {task.error or run.error or _NO_REASON}" for task in causes]
    reasons = lines or [run.error or "the server names no step"]
    raise RunNotSucceededError("\n".join([f"the run {run.state.lower()}:", *reasons]))


def _causes(run: Run, steps: Collection[str]) -> list[Task]:
    """The steps that failed; if none did, then the drivers that prepare them.

    KFP's own nodes within and around them have failed then, too, but their errors say no more.
    """
    failed = [task for task in run.tasks if task.state == FAILED]
    return [task for task in failed if task.name in steps] or [
        task for task in failed if task.name.removesuffix("-driver") in steps
    ]

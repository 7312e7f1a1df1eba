"""Follows a run to its end, and shows it: a line a step, on a terminal a live one."""

import time
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pipeline.console import TextConsole
from pipeline.kubeflow.access import NoAnswerError
from pipeline.kubeflow.run import FINAL_STATES, Run, RunNotSucceededError, Task

if TYPE_CHECKING:
    from pipeline.kubeflow.client import KubeflowServer

# Seconds without an answer after which a run is given up, and looks that there must have been.
_PATIENCE = 300.0
_MIN_LOOKS = 3


class RunDisplay:
    """Shows which steps of a run are running, and how each ended.

    Args:
      console: where to draw.
      steps: names of the pipeline's steps; a run has other nodes besides, KFP's own.

    Attributes:
      steps: the same.
    """

    def __init__(self, console: TextConsole, steps: Collection[str]):
        self._console = console
        self.steps = steps
        self._states: dict[str, str] = {}
        self._finished = 0
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._rows: dict[str, TaskID] = {}

    def watching(self) -> AbstractContextManager:
        """Draws while the run is followed."""
        return self._live if self._console.is_terminal else nullcontext()

    def update(self, tasks: Iterable[Task]) -> None:
        """Shows what has changed."""
        for task in tasks:
            if task.name in self.steps and self._states.get(task.name) != task.state:
                self._states[task.name] = task.state
                self._show(task)

    def say(self, line: str) -> None:
        """Prints a line above the steps."""
        self._console.say(line)

    def _show(self, task: Task) -> None:
        if task.state in FINAL_STATES:
            self._finished += 1
            self._end_row(task.name)
            seconds = "" if task.seconds is None else f"{task.seconds:.1f} s"
            self.say(f"{self._mark()} {task.name:<20} {seconds:>10}   {task.state.lower()}")
        elif task.state == "RUNNING" and self._console.is_terminal:
            self._rows[task.name] = self._live.add_task(task.name, total=None)
        elif task.state == "RUNNING":
            self.say(f"{self._mark()} {task.name}")

    def _end_row(self, name: str) -> None:
        if name in self._rows:
            self._live.remove_task(self._rows.pop(name))

    def _mark(self) -> str:
        return f"[{self._finished}/{len(self.steps)}]"


def follow(
    server: "KubeflowServer",
    run_id: str,
    display: RunDisplay,
    poll_interval: float,
    timeout: float | None,
) -> Run:
    """Waits until a run has ended; a server may be away for some minutes meanwhile.

    Args:
      server: where it runs.
      run_id: of the run.
      display: shows its steps.
      poll_interval: seconds between two looks.
      timeout: seconds after which to stop following; None: never.

    Raises:
      RunNotSucceededError: the time is up, or the server stays away; the run goes on.
      UserError: the server no longer lets us look.
    """
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    watch = _Watch(server, run_id, display)
    with display.watching():
        while True:
            run = watch.look()
            if run and run.state in FINAL_STATES:
                return run
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise RunNotSucceededError(
                    f"the run has not ended within {timeout:g} seconds; it goes on"
                )
            time.sleep(min(poll_interval, remaining))


class _Watch:
    """Looks at a run again and again, and knows for how long the server has been away."""

    def __init__(self, server: "KubeflowServer", run_id: str, display: RunDisplay):
        self._server = server
        self._run_id = run_id
        self._display = display
        self._unanswered = 0
        self._away_since = 0.0

    def look(self) -> Run | None:
        """The run as it is, which is shown, too; None if the server does not answer just now."""
        try:
            run = self._server.get_run(self._run_id)
        except NoAnswerError as error:
            self._note_silence(error)
            return None
        self._unanswered = 0
        self._display.update(run.tasks)
        return run

    def _note_silence(self, error: NoAnswerError) -> None:
        self._unanswered += 1
        if self._unanswered == 1:
            self._away_since = time.monotonic()
            self._display.say(f"{error}; trying again")
        away = time.monotonic() - self._away_since
        if self._unanswered >= _MIN_LOOKS and away >= _PATIENCE:
            raise RunNotSucceededError(f"{error}; no longer followed, the run goes on") from None

"""What the person who runs a pipeline sees: one line a node, on a terminal a live one.

The libraries below write hundreds of lines of their own, some from C++; those go to a log file.
"""

import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import ProgressColumn as _Column
from rich.text import Text

from groundfloor import progress
from groundfloor.text import visible
from pipeline.node_log import NodeListener

# How often, in seconds, a long node says how far it is where there is no terminal to draw on.
_PLAIN_PERIOD = 15.0

# Columns of a table that goes to a file.
_PLAIN_WIDTH = 120


class TextConsole(Console):
    """A console for which text is text, in lines, titles and the cells of tables.

    `[/b]` in a file's name is no markup, and what a terminal would obey is made visible.

    Args:
      options: of `rich.console.Console`.
    """

    def __init__(self, **options: Any):
        super().__init__(**{"markup": False, "highlight": False, "emoji": False} | options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Called by rich for every string that it draws."""
        return super().render_str(visible(text), **options)

    def say(self, line: str, style: str | None = None) -> None:
        """Prints a line without breaking it, so that it can be searched where it is kept."""
        self.print(line, style=style, soft_wrap=True)


@contextmanager
def output_to_log(log_file: Path) -> Iterator[TextIO]:
    """Sends all that this process and its libraries print to a file.

    It is done on the level of file descriptors, since C++ does not ask Python where to print.

    Yields:
      A stream to where standard output went before.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log_file.open("ab") as log, os.fdopen(os.dup(1), "w", encoding="utf-8") as terminal:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, former in zip((1, 2), kept, strict=True):
                os.dup2(former, descriptor)
                os.close(former)


@contextmanager
def console_beside_log(logs: Path) -> Iterator[tuple[TextConsole, Path]]:
    """Begins a log of a run, which takes all that is printed in any other way.

    Args:
      logs: the folder of the logs.

    Yields:
      The console of the person who runs it, and the log's file, which it has named.
    """
    log_file = logs / f"run-{time.strftime('%Y%m%d-%H%M%S')}.log"
    with output_to_log(log_file) as terminal:
        console = TextConsole(file=terminal, width=None if terminal.isatty() else _PLAIN_WIDTH)
        console.say(f"log: {log_file}")
        yield console, log_file


class NodeDisplay(NodeListener):
    """Shows which node runs, how far it is, and how long each took.

    Of the work inside the nodes it learns from `groundfloor.progress`.

    Args:
      console: where to draw.
      nodes: how many there are.
    """

    def __init__(self, console: TextConsole, nodes: int):
        super().__init__()
        self._console = console
        self._nodes = nodes
        self._finished = 0
        self._lock = threading.RLock()
        self._live = Progress(*_columns(), console=console, transient=True)
        self._task: TaskID | None = None
        self._reset("")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Draws while the pipeline runs."""
        progress.listen(self._on_progress)
        if self._console.is_terminal:
            self._live.start()
        try:
            with self.listening():
                yield
        finally:
            self._live.stop()
            progress.unlisten(self._on_progress)

    def _reset(self, node: str) -> None:
        self._node = node
        self._started = self._said = time.monotonic()
        self._cached = False
        self._counts: dict[str, int] = {}

    def on_start(self, node: str) -> None:
        """Begins a line on a terminal, or says elsewhere that the node runs."""
        with self._lock:
            self._reset(node)
            if self._console.is_terminal:
                self._task = self._live.add_task(f"{self._position()} {node}", total=None, work="")
            else:
                self._console.say(f"{self._position()} {node}")

    def on_cached(self) -> None:
        """Notes for the last line of the node that it had nothing to do."""
        self._cached = True

    def on_finish(self) -> None:
        """Says how long the node took."""
        with self._lock:
            self._finished += 1
            if self._task is not None:
                self._live.remove_task(self._task)
                self._task = None
            outcome = "from the cache" if self._cached else self._work()
            seconds = time.monotonic() - self._started
            mark = f"[{self._finished}/{self._nodes}]"
            self._console.say(f"{mark} {self._node:<20} {seconds:6.1f} s   {outcome}".rstrip())

    def _on_progress(self, step: progress.Progress) -> None:
        with self._lock:
            done = self._counts[step.unit] = self._counts.get(step.unit, 0) + step.done
            work = _work(step, done)
            if self._task is not None:
                self._live.update(self._task, total=step.total, completed=done, work=work)
            elif time.monotonic() - self._said >= _PLAIN_PERIOD:
                self._said = time.monotonic()
                self._console.say(f"      {work}")

    def _position(self) -> str:
        return f"[{self._finished + 1}/{self._nodes}]"

    def _work(self) -> str:
        return ", ".join(f"{done} {unit}" for unit, done in self._counts.items())


@contextmanager
def showing_work(console: TextConsole, what: str) -> Iterator[None]:
    """Shows how far the work of a command is, of which it learns from `groundfloor.progress`.

    On a terminal a bar is drawn while it lasts. Elsewhere there is a line as soon as it is known
    how long the work takes, so none for short work, and another one now and then.

    Args:
      console: where to draw.
      what: is being done, such as "measuring".
    """
    counts: dict[str, int] = {}
    said = -math.inf
    lock = threading.Lock()

    def show(step: progress.Progress) -> None:
        nonlocal said
        with lock:
            done = counts[step.unit] = counts.get(step.unit, 0) + step.done
            work = _work(step, done)
            live.update(task, total=step.total, completed=done, work=work)
            if step.note and not console.is_terminal and time.monotonic() - said >= _PLAIN_PERIOD:
                said = time.monotonic()
                console.say(f"{what}: {work}")

    with Progress(
        *_columns(), console=console, transient=True, disable=not console.is_terminal
    ) as live:
        task = live.add_task(what, total=None, work="")
        progress.listen(show)
        try:
            yield
        finally:
            progress.unlisten(show)


def _work(step: progress.Progress, done: int) -> str:
    """How far some work is, in words.

    Args:
      step: the latest one.
      done: units in all.
    """
    count = f"{done:,} of {step.total:,}" if step.total else f"{done:,}"
    return f"{count} {step.unit} {step.note}".rstrip()


def _columns() -> list[_Column]:
    return [
        TextColumn("{task.description:<26}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[work]}", markup=False),
    ]

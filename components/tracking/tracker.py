"""Writes to an MLflow run, and never lets a tracking server cost the work that it tracks."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.patience import Call
from components.tracking import outbox
from components.tracking.client import (
    Point,
    RunClient,
    Start,
    close_killed,
    create_run,
    load_mlflow,
    new_client,
)
from components.tracking.outbox import Outbox
from components.tracking.run import TrackedRun, is_remote, with_credentials
from components.tracking.system_metrics import SystemMetrics
from groundfloor.credentials import without_credentials
from groundfloor.text import shown_text

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long a tracking server may hold the pipeline up.

    A server that answers every call within `answer` is never given up, however many calls there
    are; all others together take no longer than `in_all`. No epoch waits for its metrics to arrive.

    Attributes:
      answer: seconds that a call may take without being counted.
      upload: the same for the model, and for a checkpoint.
      in_all: seconds beyond those, over all calls of a process.
    """

    answer: float = 2.0
    upload: float = 10.0
    in_all: float = 20.0


# Store -> seconds that this process has waited for it beyond what each call may take.
_lost: dict[str, float] = {}


class Tracker:
    """Writes to one MLflow run.

    The first call that fails is logged as a warning and remembered in `run.failure`. What it was to
    log, and what later ones are, goes to the outbox, if there is one. Without a store to track in,
    every call does nothing.

    Args:
      run: the store, and the run to go on with; without a run id, `start` begins one.
      patience: with a store that is a server.
      unsent: keeps what the store has not taken; None: it is lost.
      begins: what the run began with, for a store that has not heard of it.
      system: measures the machine whenever figures are logged; None: nothing does.
    """

    def __init__(
        self,
        run: TrackedRun,
        patience: Patience | None = None,
        unsent: Outbox | None = None,
        begins: Start | None = None,
        system: SystemMetrics | None = None,
    ):
        self.run = run
        self._patience = patience or Patience()
        self._uri = with_credentials(run.tracking_uri)
        self._outbox = unsent
        self._begins = begins or Start(now())
        self._system = system
        self._unsent: list[Point] = []
        self._under_way: list[Point] = []
        self._sending: Call | None = None
        self._sent_at = 0.0

    def start(
        self,
        params: Mapping[str, Any],
        artifact_dir: str | None,
        owner: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Begins a run, or goes on with the one that is given, and logs its parameters.

        Args:
          params: key -> value.
          artifact_dir: where a new experiment keeps its artifacts; None: MLflow's default.
          owner: who may close the run, should it be killed: see `close_killed`.
          tags: of a run that begins.
        """
        self._begins = Start(now(), artifact_dir, owner, tags)
        texts = {key: str(value) for key, value in params.items()}
        self._attempt(lambda: self._start(texts), lambda box: box.add(outbox.PARAMS, params=texts))

    def close_killed(self, owner: str) -> None:
        """Marks the runs as killed that an owner began, and that are running still.

        Args:
          owner: as given to `start`; only where it has no training that is alive.
        """
        self._attempt(
            lambda: close_killed(new_client(self._uri), self.run.experiment, owner), _nothing
        )

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Logs one point of each metric, under names that MLflow takes.

        A server gets them in the background. What it has not taken by then, the next call of
        another kind sends first.
        """
        at = now()
        measured = self._system.sample() if self._system else {}
        figures = {**metrics, **measured}
        self._unsent += [Point(name, float(value), at, step) for name, value in figures.items()]
        self._attempt(self._send_points, _nothing, settle=False)

    def log_text(self, text: str, name: str) -> None:
        """Logs a text as an artifact of the run, under a file name."""
        self._attempt(
            lambda: self._client().text(text, name),
            lambda box: box.add(outbox.TEXT, text=text, name=name),
        )

    def log_file(self, path: Path, folder: str) -> None:
        """Logs a file as an artifact of the run, in a folder of it."""
        self._attempt(
            lambda: self._client().file(path, folder),
            lambda box: box.add(outbox.FILE, file=box.copy(path), folder=folder),
            allowed=self._patience.upload,
        )

    def log_keras_model(self, model: Any, input_shape: tuple[int, ...], embedding_dim: int) -> None:
        """Logs a Keras model with its signature and an example: pixels in, embeddings out."""
        shape = list(input_shape)
        self._attempt(
            lambda: self._client().model(model, shape, embedding_dim),
            lambda box: box.add(
                outbox.MODEL, file=box.save(model), input_shape=shape, embedding_dim=embedding_dim
            ),
            allowed=self._patience.upload,
        )

    def register(self, name: str, tags: Mapping[str, str]) -> None:
        """Registers the run's model under a name, as the version with the alias `CHAMPION`."""
        at = now()
        self._attempt(
            lambda: self._client().register(name, tags),
            lambda box: box.add(outbox.REGISTER, name=name, tags=dict(tags), before=at),
        )

    def finish(self, succeeded: bool) -> None:
        """Marks the run as finished or failed."""
        status, at = "FINISHED" if succeeded else "FAILED", now()
        self._attempt(
            lambda: self._client().status(status),
            lambda box: box.add(outbox.STATUS, status=status, time=at),
        )

    def _attempt(
        self,
        action: Callable[[], Any],
        keep: Callable[[Outbox], None],
        *,
        settle: bool = True,
        allowed: float | None = None,
    ) -> None:
        """Does it, or remembers why not; `allowed` are the seconds that are not counted."""
        if not self.run.is_tracked:
            self._unsent = []
            return
        if not self.run.failure:
            try:
                self._do(action, settle, allowed or self._patience.answer)
                return
            except Exception as error:  # whatever MLflow, its server or its store may raise
                self._give_up(error)
        self._keep(keep)

    def _do(self, action: Callable[[], Any], settle: bool, allowed: float) -> None:
        load_mlflow()  # its seconds are no server's
        if settle:
            self._settle()
            self._call(action, allowed)
        else:
            action()

    def _give_up(self, error: Exception) -> None:
        words = f"{type(error).__name__}: {error}"
        reason = shown_text(without_credentials(words, self._uri))
        place = f"; what is missing is kept in {self._outbox.folder}" if self._outbox else ""
        _log.warning("MLflow tracking stopped, the pipeline goes on: %s%s", reason, place)
        self.run = replace(self.run, failure=reason)

    def _keep(self, keep: Callable[[Outbox], None]) -> None:
        """Keeps the points that have not arrived for sure, and whatever `keep` adds."""
        points, self._under_way, self._unsent = [*self._under_way, *self._unsent], [], []
        if self._outbox is None:
            return
        try:
            self._outbox.open(self.run, self._begins)
            if points:
                self._outbox.add(outbox.POINTS, points=points)
            keep(self._outbox)
        except OSError as error:
            _log.warning("what MLflow has not taken could not be kept: %s", error)
            self._outbox = None

    def _call(self, action: Callable[[], Any], allowed: float) -> None:
        """Calls and waits; in a thread that can be left alone, if a server may never answer."""
        if is_remote(self._uri):
            self._wait_for(Call(action), allowed)
        else:
            action()

    def _wait_for(self, call: Call, allowed: float) -> None:
        """Waits for a call, and counts what it takes beyond what it may."""
        lost = _lost.get(self._uri, 0.0)
        waited = call.wait(allowed + max(self._patience.in_all - lost, 0.0))
        _lost[self._uri] = lost + max(waited - allowed, 0.0)
        if not call.ended:
            raise TimeoutError(
                f"the server has not answered within {allowed:g} seconds, and has held up the "
                f"pipeline for {_lost[self._uri]:.0f} more in all"
            )
        call.result()

    def _settle(self) -> None:
        """Sees that the metrics have arrived."""
        if self._sending:
            call, self._sending = self._sending, None
            self._wait_for(call, self._patience.answer)
        if self._unsent:
            batch = self._take_unsent()
            self._call(lambda: self._client().points(batch), self._patience.answer)
        self._under_way = []

    def _send_points(self) -> None:
        """Sends the points: to a server in the background, once it has taken those before."""
        if not is_remote(self._uri):
            self._settle()
        elif self._sending is None or self._sending.ended:
            former, self._sending = self._sending, None
            if former:
                former.result()
            batch, self._sent_at = self._take_unsent(), time.monotonic()
            self._sending = Call(lambda: self._client().points(batch))
        elif time.monotonic() - self._sent_at > self._patience.answer + self._patience.in_all:
            # Nothing waits for it, but a killed training would lose whatever waits with it.
            raise TimeoutError("the server has not answered for longer than it may")

    def _take_unsent(self) -> list[Point]:
        self._under_way, self._unsent = self._unsent, []
        return self._under_way

    def _client(self) -> RunClient:
        if self.run.run_id is None:
            raise LookupError("the run was never begun")
        return RunClient(self._uri, self.run.run_id)

    def _start(self, params: Mapping[str, str]) -> None:
        if self.run.run_id is None:
            run_id = create_run(new_client(self._uri), self.run, self._begins)
            self.run = replace(self.run, run_id=run_id)
            self._client().params(params)
        else:
            self._client().go_on()
            self._client().params(self._client().missing_params(params))


def _nothing(_: Outbox) -> None:
    """For what has nothing to keep but the points that the tracker itself keeps."""


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)

"""Items of many requests, gathered and worked on together."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class ClosedError(Exception):
    """Nothing is taken any more."""


class Batcher(Generic[Item, Result]):
    """Gathers items, and hands them to a function in batches.

    A batch begins when there is an item and a worker is free; the free workers share what waits.
    It waits for others only while some are announced, so that a client that is alone never waits
    for nobody.

    Args:
      work: takes a batch and gives a result for each item, in their order. An exception of it is
        that of every item of the batch.
      max_batch: items of a batch, at most.
      max_wait: seconds that a batch waits for announced items, at most.
      workers: threads, each with a batch.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result]],
        max_batch: int,
        max_wait: float,
        workers: int = 1,
    ):
        self._work = work
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._announced = 0
        self._free = workers
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"batches {number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return len(self._waiting)

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Around the preparation of an item, and its `submit`: a batch may wait for it."""
        self._announce(1)
        try:
            yield
        finally:
            self._announce(-1)

    def submit(self, item: Item) -> "Future[Result]":
        """Hands an item over; one whose future is cancelled before its batch begins is left out.

        Raises:
          ClosedError: it is too late.
        """
        future: Future[Result] = Future()
        with self._changed:
            if self._closed:
                raise ClosedError("no more batches are made")
            self._waiting.append((item, future))
            self._changed.notify_all()
        return future

    def close(self) -> None:
        """Works on what waits, then ends the threads; a second call does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _announce(self, number: int) -> None:
        with self._changed:
            self._announced += number
            self._changed.notify_all()

    def _run(self) -> None:
        while batch := self._next():
            running = [
                (item, future) for item, future in batch if future.set_running_or_notify_cancel()
            ]
            if running:
                self._answer(running)
            with self._changed:
                self._free += 1

    def _next(self) -> list[tuple[Item, "Future[Result]"]]:
        """The next batch; none at the end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                self._changed.wait_for(self._is_ready, self._max_wait)
                if self._waiting:
                    return self._share()
                if self._closed:
                    return []

    def _share(self) -> list[tuple[Item, "Future[Result]"]]:
        """What a free worker takes of what waits."""
        share = math.ceil(len(self._waiting) / self._free)
        self._free -= 1
        return [self._waiting.popleft() for _ in range(min(share, self._max_batch))]

    def _is_ready(self) -> bool:
        return len(self._waiting) >= self._max_batch or not self._announced or self._closed

    def _answer(self, batch: list[tuple[Item, "Future[Result]"]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
        except Exception as error:  # whatever it is, it is for those who wait
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)

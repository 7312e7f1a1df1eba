"""Work that the threads of this process share."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import TypeVar

import joblib
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")


def usable_cores() -> int:
    """The cores that this process may use, as its affinity and its container limit them."""
    return joblib.cpu_count()


def one_blas_thread() -> AbstractContextManager[object]:
    """A context in which a product of matrices takes one thread, whichever thread it is made in."""
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # it looks at every library that is loaded: some milliseconds


def share(items: Iterable[Item], workers: Sequence[Callable[[Item], None]]) -> None:
    """Lets each worker take the next item until there are none; the first error ends them all.

    Args:
      items: in the order in which they are taken.
      workers: the first works in this thread, each other one in a thread of its own: one thread
        more than there are cores would make two share a core, for longer than short work takes.
    """
    waiting = deque(items)
    workers = workers[: max(1, len(waiting))]

    def work(on: Callable[[Item], None]) -> None:
        try:
            while True:
                try:
                    item = waiting.popleft()
                except IndexError:
                    return
                on(item)
        finally:
            waiting.clear()

    with ThreadPoolExecutor(max(1, len(workers) - 1)) as executor:
        others = [executor.submit(work, worker) for worker in workers[1:]]
        work(workers[0])
        for other in others:
            other.result()

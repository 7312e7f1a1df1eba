"""Counts all pairs in this process, with a thread for each core and one BLAS thread in each."""

import importlib.util
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import ModuleType

import numpy as np
from threadpoolctl import threadpool_limits

from components import progress
from components.evaluator.engine import kernels
from components.evaluator.engine.counting import (
    Counted,
    GenuineCounter,
    ImpostorCounter,
    merged_genuine,
    merged_impostor,
    nearest_impostors_limit,
)
from components.evaluator.engine.layout import Block, Layout
from components.evaluator.engine.scorers import Scorer
from components.evaluator.engine.tables import TablePool

# Below these numbers of pairs, starting threads, or loading numba, takes longer than it saves.
_MANY_PAIRS = 2**21
_MANY_PAIRS_FOR_NUMBA = 2**29


def count_pairs(
    layout: Layout, scorer: Scorer, *, kernel: str | None = None, threads: int | None = None
) -> tuple[Counted, Counted]:
    """Counts the genuine and the impostor pairs of all images.

    Args:
      layout: of the rows.
      scorer: of their distances.
      kernel: "numpy" or "numba"; None takes numba where it is installed and there are enough pairs.
      threads: how many; None means one for each core that this process may use.

    Returns:
      The genuine and the impostor pairs. They are the same for any kernel and number of threads.
    """
    pairs = layout.genuine_pairs + layout.impostor_pairs
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if pairs >= _MANY_PAIRS else 1
    if kernel is None:
        has_numba = importlib.util.find_spec("numba") is not None
        kernel = "numba" if has_numba and pairs >= _MANY_PAIRS_FOR_NUMBA else "numpy"
    # A single thread is left as many BLAS threads as there are: nothing competes with them.
    with threadpool_limits(1, user_api="blas") if threads > 1 else nullcontext():
        genuine = _count_genuine(layout, scorer, threads)
        return genuine, _count_impostor(layout, scorer, genuine, _loaded(kernel), threads)


def _loaded(kernel: str) -> ModuleType:
    if kernel == "numba":
        from components.evaluator.engine import numba_kernels  # noqa: PLC0415 - an optional extra

        return numba_kernels
    return kernels


def _count_genuine(layout: Layout, scorer: Scorer, threads: int) -> Counted:
    tables = TablePool(scorer.size, 1, carries=False)  # genuine pairs are few
    counters = [GenuineCounter(layout, scorer, tables) for _ in range(threads)]
    _share(layout.strips(), [counter.add for counter in counters])
    return merged_genuine(_counted(counters, tables))


def _count_impostor(
    layout: Layout, scorer: Scorer, genuine: Counted, kernel: ModuleType, threads: int
) -> Counted:
    tables = TablePool(scorer.size, threads, carries=kernel.CARRIES)
    limit = nearest_impostors_limit(layout, scorer)
    counters = [
        ImpostorCounter(
            layout, scorer, tables, nearest_mates=genuine.by_row, tail_limit=limit, kernel=kernel
        )
        for _ in range(threads)
    ]
    _share(layout.blocks(), [counter.add for counter in counters])
    return merged_impostor(_counted(counters, tables))


def _counted(
    counters: Sequence[GenuineCounter | ImpostorCounter], tables: TablePool
) -> list[Counted]:
    """What each counter found; the first is given what the tables hold, the others nothing."""
    nothing = np.zeros(0, np.int32), np.zeros(0, np.int64)
    first, *others = counters
    return [
        first.counted(*tables.gather()),
        *(counter.counted(*nothing) for counter in others),
    ]


def _share(blocks: Iterable[Block], workers: list[Callable[[Block], int]]) -> None:
    """Lets each worker, in a thread of its own, take the next block until there are none."""
    waiting = deque(blocks)
    telling = threading.Lock()

    def work(add: Callable[[Block], int]) -> None:
        while True:
            try:
                block = waiting.popleft()
            except IndexError:
                return
            pairs = add(block)
            with telling:
                progress.advance("pairs", pairs)

    if len(workers) == 1:
        work(workers[0])
        return
    with ThreadPoolExecutor(len(workers)) as executor:
        for done in [executor.submit(work, add) for add in workers]:
            done.result()

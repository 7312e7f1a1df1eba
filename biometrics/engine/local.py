"""Counts all pairs in this process, with a thread for each core and one BLAS thread in each."""

import importlib.util
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from biometrics.engine.counting import (
    Counted,
    GenuineCounter,
    ImpostorCounter,
    counted_by,
    merged_genuine,
    merged_impostor,
    nearest_impostors_limit,
    no_mates,
)
from biometrics.engine.kernels import Kernel, NumpyKernel
from biometrics.engine.key_counts import KeyList, KeyTable
from biometrics.engine.layout import Block, Layout
from biometrics.engine.scorers import Scorer
from biometrics.engine.threads import one_blas_thread, share, usable_cores
from biometrics.errors import EvaluationError
from groundfloor import progress
from groundfloor.progress import Pace

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

    Raises:
      EvaluationError: there is no such kernel, or numba is not installed.
    """
    pairs = layout.genuine_pairs + layout.impostor_pairs
    if threads is None:
        threads = usable_cores() if pairs >= _MANY_PAIRS else 1
    if kernel is None:
        kernel = "numba" if pairs >= _MANY_PAIRS_FOR_NUMBA and _has_numba() else "numpy"
    # A single thread is left as many BLAS threads as there are: nothing competes with them.
    with one_blas_thread() if threads > 1 else nullcontext():
        return _count_pairs(layout, scorer, [_make_kernel(kernel) for _ in range(threads)])


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def _make_kernel(name: str) -> Kernel:
    if name not in ("numpy", "numba"):
        raise EvaluationError(f"The kernel must be numpy or numba. Received: {name!r}")
    if name == "numba":
        if not _has_numba():
            raise EvaluationError("The kernel numba needs the extra `fast`, which has numba.")
        from biometrics.engine.numba_kernels import (  # noqa: PLC0415 - an optional extra
            NumbaKernel,
        )

        return NumbaKernel()
    return NumpyKernel()


def _count_pairs(
    layout: Layout, scorer: Scorer, kernels: Sequence[Kernel]
) -> tuple[Counted, Counted]:
    """`count_pairs` with a thread for each kernel."""
    keys, table = KeyList(), KeyTable(scorer.origin, scorer.size)
    limits = no_mates(layout, scorer)
    tail_limit = nearest_impostors_limit(layout, scorer)
    impostor = [
        ImpostorCounter(layout, scorer, table, limits=limits, tail_limit=tail_limit, kernel=kernel)
        for kernel in kernels
    ]
    genuine = [
        GenuineCounter(layout, scorer, keys, limits=limits, impostors=impostors)
        for impostors in impostor
    ]
    _count_shared(layout.strips(), genuine)
    # Strips are slower, and few: they say nothing of how long the blocks take.
    pace = Pace(layout.genuine_pairs + layout.impostor_pairs - layout.strip_pairs)
    _count_shared(layout.blocks(), impostor, pace.note)
    with ThreadPoolExecutor(1) as executor:
        merging = executor.submit(lambda: merged_genuine(counted_by(genuine, keys)))
        merged = merged_impostor(counted_by(impostor, table))
        return merging.result(), merged


def _count_shared(
    blocks: Iterable[Block],
    counters: Sequence[GenuineCounter] | Sequence[ImpostorCounter],
    note: Callable[[int], str] = lambda pairs: "",
) -> None:
    """Counts the pairs of all blocks, a thread for each counter, and tells how far it is."""
    lock = threading.Lock()

    def adding(counter: GenuineCounter | ImpostorCounter) -> Callable[[Block], None]:
        def add(block: Block) -> None:
            pairs = counter.add(block)
            with lock:
                progress.advance("pairs", pairs, note=note(pairs))

        return add

    share(blocks, [adding(counter) for counter in counters])

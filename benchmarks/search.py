"""How fast the gallery's exact search is, beside the memory's bandwidth and beside faiss.

    .venv/bin/python benchmarks/search.py                       (make bench-search)
    .venv/bin/python benchmarks/search.py --rows 100000         a first look

takes about five minutes and 6 GiB. The rows are unit vectors, drawn at random; each query is a row
with noise. Of each way, for one query and for a batch, the seconds of a whole call that gives the
10 nearest rows with their distances, in rounds in which all ways take turns:

- *read*: nothing but reading the same bytes once, with as many threads: no exact search of one
  query is faster.
- *product*: the bare float32 products of a batch with all rows, block by block, by BLAS, with as
  many threads: no exact search of a batch by them is faster.
- *gallery*: `near_rows`, then the distances of what is near as the evaluation computes them.
- *faiss*: `IndexFlatIP` of faiss-cpu on the same float32 rows.

The 10 rows of all ways are compared. Linux; needs faiss-cpu and numba.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import faiss
import numba
import numpy as np

from biometrics.arrays import Float32, Int64
from biometrics.engine.threads import one_blas_thread, share
from serving.gallery import search as gallery_search
from serving.gallery.rows import Float32Rows, Int8Rows, Rows
from serving.gallery.search import distances_to, near_rows, nearest

TOP = 10
FAISS = "faiss float32"
BATCH = 64
_MADE = 2**16
_BLOCK = 2**13
_READ_BLOCK = 2**21


@numba.njit(nogil=True, fastmath=True)
def _xor(words):
    total = np.uint64(0)
    for word in words:
        total ^= word
    return total


def read(values: np.ndarray, threads: int) -> None:
    """Reads all bytes once."""
    words = values.reshape(-1).view(np.uint64)
    starts = range(0, len(words), _READ_BLOCK)
    share(starts, [lambda start: _xor(words[start : start + _READ_BLOCK])] * threads)


def product(values: Float32, queries: Float32, threads: int) -> None:
    """The bare products."""

    def worker() -> Callable[[int], None]:
        out = np.empty((len(queries), _BLOCK), np.float32)

        def multiply(start: int) -> None:
            block = values[start : start + _BLOCK]
            np.matmul(queries, block.T, out=out[:, : len(block)])

        return multiply

    with one_blas_thread():
        share(range(0, len(values), _BLOCK), [worker() for _ in range(threads)])


def gallery(rows: Rows, exact: Float32, queries: Float32) -> Int64:
    """The gallery's way; the rows that it finds, int64 [Q, 10]."""
    found = []
    for query, near in zip(queries, near_rows(rows, queries, TOP), strict=True):
        distances = distances_to(query, exact[near], "cosine")
        found.append([row for row, _ in nearest(near, distances, near, TOP, str)])
    return np.array(found)


def make(rows: int, dimensions: int) -> tuple[Float32, Int8Rows]:
    """The rows, in both precisions, made a part at a time."""
    random = np.random.default_rng(0)
    values = np.empty((rows, dimensions), np.float32)
    small = np.empty((rows, dimensions), np.int8)
    steps, loss = np.empty(rows, np.float32), 0.0
    for start in range(0, rows, _MADE):
        part = values[start : start + _MADE]
        part[:] = random.standard_normal(part.shape, np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        made = Int8Rows.of(part)
        small[start : start + _MADE], steps[start : start + _MADE] = made.values, made.steps
        loss = max(loss, made.loss)
    return values, Int8Rows(small, steps, loss)


def queries_for(values: Float32) -> Float32:
    """A batch of queries, each near a row."""
    random = np.random.default_rng(1)
    chosen = values[random.choice(len(values), BATCH, replace=False)]
    moved = chosen + random.normal(0, 0.05, chosen.shape)
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def take_turns(
    ways: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each way in each round, by the clock and of all threads' processor time.

    A first round, which compiles, is not counted.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start, cpu = time.perf_counter(), time.process_time()
            way()
            if number:
                took = time.perf_counter() - start, time.process_time() - cpu
                seconds[name].append(took)
    return seconds


def print_table(
    title: str, seconds: dict[str, list[tuple[float, float]]], bound: str, queries: int
) -> None:
    """A Markdown table: each way beside the bound and beside faiss, by the least seconds."""
    least = {name: min(wall for wall, _ in took) for name, took in seconds.items()}
    each = 1000 / queries
    print(f"\n{title}\n")
    print("| way | ms a query, least | median | CPU ms, least | of the bound | of faiss |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, took in seconds.items():
        cells = [
            f"{least[name] * each:.2f}",
            f"{statistics.median(wall for wall, _ in took) * each:.2f}",
            f"{min(cpu for _, cpu in took) * each:.2f}",
            f"{least[name] / least[bound]:.2f}",
            f"{least[name] / least[FAISS]:.2f}",
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def measure(
    values: Float32, small: Int8Rows, index: Any, queries: Float32, options: argparse.Namespace
) -> None:
    """Measures all ways on some queries, and compares what they find."""
    exact, threads = Float32Rows(values), options.threads
    ways: dict[str, Callable[[], object]] = {
        "read float32": lambda: read(values, threads),
        "read int8": lambda: read(small.values, threads),
        "product float32": lambda: product(values, queries, threads),
        "gallery float32": lambda: gallery(exact, values, queries),
        "gallery int8": lambda: gallery(small, values, queries),
        FAISS: lambda: index.search(queries, TOP),
    }
    bound = "read float32" if len(queries) == 1 else "product float32"
    print_table(f"queries: {len(queries)}", take_turns(ways, options.rounds), bound, len(queries))
    wanted = index.search(queries, TOP)[1]
    for name, rows in (("float32", exact), ("int8", small)):
        print(f"{name}: {agreement(gallery(rows, values, queries), wanted):.2%} of faiss's rows")


def agreement(found: Int64, wanted: Int64) -> float:
    """The share of the wanted rows that are found; both int64 [Q, 10]."""
    both = zip(found.tolist(), wanted.tolist(), strict=True)
    return sum(len({*one} & {*other}) for one, other in both) / wanted.size


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--dimensions", type=int, default=512, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    return parser.parse_args(arguments)


def main() -> None:
    """Makes the rows, measures, and prints the tables."""
    options = parse()
    values, small = make(options.rows, options.dimensions)
    print(f"{options.rows:,} rows of {options.dimensions}, {options.threads} threads")
    print(f"memory: float32 {values.nbytes / 2**20:,.0f} MiB, int8 {small.nbytes / 2**20:,.0f} MiB")
    gallery_search.usable_cores = lambda: options.threads
    faiss.omp_set_num_threads(options.threads)
    index = faiss.IndexFlatIP(options.dimensions)
    index.add(values)
    batch = queries_for(values)
    for queries in (batch[:1], batch):
        measure(values, small, index, queries, options)


if __name__ == "__main__":
    main()

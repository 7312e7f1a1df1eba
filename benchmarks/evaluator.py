"""How fast the evaluator is, and in how much memory, beside what else would do its work.

    .venv/bin/python benchmarks/evaluator.py                         (make bench-evaluator)
    .venv/bin/python benchmarks/evaluator.py --sizes 1000 2000       a first look
    .venv/bin/python benchmarks/evaluator.py --sizes 100000 --only floor "this evaluator, numba" \
        --repeats 1 --limit-seconds 600                              a large set

takes about 20 minutes on two cores that have nothing else to do, the first look one. It prints a
table for each number of images N, and at the end the targets beside what was measured.

Every way gets the same embeddings (synthetic: clusters of 20 images a person, 512 dimensions,
float32, L2-normalised, EER about 2 %), and ends with the verification figures of all pairs:

- *floor*: nothing but the float32 matrix products of the upper triangle, block by block, into a
  buffer that is used over and over. Of several shapes of blocks, by a pool of threads that have one
  BLAS thread each or by BLAS's own threads, the fastest one counts.
- *this evaluator*: `score_pairs`, EER, AUC and the complete CMC, with each of its kernels, and by
  Beam with a shard for each thread.
- *seed's method*: what this project began from. SciPy's `cdist` as float64; masks pick the genuine
  and the impostor distances, each image against itself among the latter; FAR and FRR at 100
  thresholds in [0, 1); the area under `roc_curve`, negated; then `cdist` again, and Rank-1 by
  sorting each row whole.
- *scikit-learn*: `roc_curve` and `auc` of all pairs. *PyEER*: `get_eer_stats` of all pairs. Neither
  has the CMC; both get the scores from one float32 matrix product, which is part of their time.

Each measurement is a fresh process, bound to as many cores as there are threads. Wall time,
processor time (user and system, all threads) and peak memory are those of the measured call alone:
before it, the same call ran on a few images, which loads and compiles what has to be, numba's
kernels too; memory is what came on top of that and of the embeddings. What is short is measured in
several rounds, in which all ways take turns; the round with the least wall time counts, and the
highest of the peaks. Linux only.
"""

import argparse
import ctypes
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from evaluator_ways import DIMENSIONS, FLOOR, NUMBA, NUMPY, SEEDS, WAYS, Figures, make_embeddings

WARM_UP_IMAGES = 200
SIZES = (1000, 2000, 5000, 10_000, 20_000, 50_000)
MIB = 2**20
# Measured again only if it takes less than this share of the limit.
SHORT = 1 / 4
# The floor, if it takes this long, uses this share of its cores on a machine that is idle.
WARNING_SECONDS = 0.2
IDLE = 0.85
# On top of the limit: for the imports, the embeddings, and one call into C that does not stop.
GRACE_SECONDS = 60

# The targets hold for N of at least LARGE, on two threads.
LARGE = 20_000
FLOOR_TARGETS = {NUMPY: 1.35, NUMBA: 1.15}
PEAK_TARGET_MIB = 300
SEEDS_SIZE = 5000
SEEDS_TARGET = 100

# --- One measurement, in a process of its own ---------------------------------------------------


@dataclass(frozen=True)
class Measurement:
    """What a call took.

    Attributes:
      way: its key in WAYS.
      wall: seconds; those until it was ended if it did not finish.
      cpu: seconds of processor time, of all threads.
      peak_mib: memory on top of what was there before.
      failure: why it did not finish; empty if it did.
      figures: what it found.
    """

    way: str
    wall: float = 0.0
    cpu: float = 0.0
    peak_mib: float = 0.0
    failure: str = ""
    figures: Figures | None = None


class OverTimeError(Exception):
    """The limit of time has passed."""


def memory_mib(field: str) -> float:
    """A field of this process's memory in /proc: VmRSS (now), VmHWM (at the peak), VmSize."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def cpu_seconds() -> float:
    """Processor time of all threads of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def set_limits(seconds: float, memory_gib: float) -> None:
    """From now on memory beyond the limit is a MemoryError, and time an OverTimeError."""

    def stop(*_: object) -> None:
        raise OverTimeError

    most = int(memory_mib("VmSize") * MIB + memory_gib * 1024 * MIB)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def measure(way: str, images: int, threads: int, seconds: float, memory_gib: float) -> Measurement:
    """Runs a way once, after a warm-up; this process is spent afterwards."""
    run = WAYS[way].run
    run(*make_embeddings(WARM_UP_IMAGES), threads)
    embeddings, labels = make_embeddings(images)
    figures, failure = None, ""
    ctypes.CDLL(None).malloc_trim(0)  # what the warm-up has freed is no baseline
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM starts anew
    before = memory_mib("VmRSS")
    set_limits(seconds, memory_gib)
    cpu, wall = cpu_seconds(), time.perf_counter()
    try:
        figures = {key: float(value) for key, value in run(embeddings, labels, threads).items()}
    except MemoryError:
        failure = f"needs more than {memory_gib:g} GiB"
    except OverTimeError:
        failure = f"over {seconds:g} s"
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    signal.setitimer(signal.ITIMER_REAL, 0)
    return Measurement(way, wall, cpu, memory_mib("VmHWM") - before, failure, figures)


def measure_apart(way: str, images: int, options: argparse.Namespace) -> Measurement:
    """`measure` in a fresh process, which has only `options.threads` cores."""
    if WAYS[way].title not in options.only:
        return Measurement(way, failure="left out")
    if importlib.util.find_spec(WAYS[way].needs) is None:
        return Measurement(way, failure="not installed")
    cores = sorted(os.sched_getaffinity(0))[: options.threads]
    limits = [options.threads, options.limit_seconds, options.limit_gib]
    try:
        child = subprocess.run(
            [sys.executable, __file__, "--worker", way, *map(str, [images, *limits])],
            stdout=subprocess.PIPE,
            stderr=None if options.verbose else subprocess.DEVNULL,
            preexec_fn=partial(os.sched_setaffinity, 0, cores),
            timeout=options.limit_seconds + GRACE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Measurement(way, failure=f"over {options.limit_seconds:g} s")
    if child.returncode != 0:
        return Measurement(way, failure=f"ended with status {child.returncode}")
    return Measurement(**json.loads(child.stdout.splitlines()[-1]))


# --- The tables ---------------------------------------------------------------------------------


def measure_size(images: int, options: argparse.Namespace) -> dict[str, Measurement]:
    """The best measurement of each title, with the highest peak of all its rounds."""
    best: dict[str, Measurement] = {}
    for number in range(options.repeats):
        for way in WAYS:
            if number and not _is_worth_repeating(best[way], options.limit_seconds):
                continue
            new, old = measure_apart(way, images, options), best.get(way)
            if old is not None:
                peak = max(old.peak_mib, new.peak_mib)
                new = replace(min(old, new, key=_order), peak_mib=peak)
            best[way] = new
    titles = dict.fromkeys(way.title for way in WAYS.values())
    return {
        title: min((best[way] for way in WAYS if WAYS[way].title == title), key=_order)
        for title in titles
    }


def _order(measurement: Measurement) -> tuple[bool, float]:
    """The fastest one that finished comes first."""
    return bool(measurement.failure), measurement.wall


def _is_worth_repeating(measurement: Measurement, limit: float) -> bool:
    return not measurement.failure and measurement.wall < SHORT * limit


def over_floor(results: dict[str, Measurement], title: str) -> float | None:
    """Wall time over that of the floor; None where one of them has none."""
    one, floor = results[title], results[FLOOR]
    return None if one.failure or floor.failure else one.wall / floor.wall


def cpu_of_seeds(results: dict[str, Measurement], title: str) -> tuple[float, bool] | None:
    """Processor time of the seed's method over this one's, and whether it is more than that.

    The seed's method may have been ended by the limit of time, not by that of memory.
    """
    one, seeds = results[title], results[SEEDS]
    is_ended = seeds.failure.startswith("over")
    if one.failure or seeds.cpu == 0 or (seeds.failure and not is_ended):
        return None
    return seeds.cpu / one.cpu, is_ended


def _shown(value: float | None, form: str, prefix: str = "") -> str:
    return "" if value is None else prefix + format(value, form)


def table_row(results: dict[str, Measurement], title: str) -> str:
    """One line of the Markdown table of a size."""
    one = results[title]
    name = f"{title} ({one.way})" if title == FLOOR else title
    if one.failure:
        cells = [one.failure, *[""] * 7]
    else:
        seeds, more = cpu_of_seeds(results, title) or (None, False)
        figures = one.figures or {}
        cells = [
            f"{one.wall:.3f}",
            _shown(over_floor(results, title), ".2f"),
            f"{one.cpu:.3f}",
            _shown(seeds, ".0f" if seeds and seeds >= 10 else ".2g", "> " if more else ""),
            f"{one.peak_mib:.0f}",
            *[_shown(figures.get(key), ".5f") for key in ("EER", "AUC", "Rank-1")],
        ]
    return f"| {name} | " + " | ".join(cells) + " |"


def print_table(images: int, results: dict[str, Measurement]) -> None:
    """The Markdown table of a size."""
    print(f"\nN = {images:,} images, {images * (images - 1) // 2:,} pairs\n")
    columns = ["wall s", "wall / floor", "CPU s", "seed's CPU / CPU", "peak MiB"]
    columns += ["EER", "AUC", "Rank-1"]
    print(f"| {'way'} | " + " | ".join(columns) + " |")
    print("|---" + "|---:" * len(columns) + "|")
    for title in results:
        print(table_row(results, title), flush=True)


def busy_line(results: dict[str, Measurement], threads: int) -> str | None:
    """A warning where even the floor did not get its cores; a short one says nothing."""
    floor = results[FLOOR]
    if floor.failure or floor.wall < WARNING_SECONDS or floor.cpu > IDLE * threads * floor.wall:
        return None
    cores = floor.cpu / floor.wall
    return f"The machine was busy: the floor had {cores:.1f} of {threads} cores. Measure again."


def target_lines(measured: dict[int, dict[str, Measurement]]) -> Iterator[tuple[str, str]]:
    """Each target, and what was measured of it."""
    large = {images: results for images, results in measured.items() if images >= LARGE}
    for title, target in FLOOR_TARGETS.items():
        ratios = {images: over_floor(results, title) for images, results in large.items()}
        yield (
            f"{title}: within {target:g} times the floor, N >= {LARGE:,}",
            "; ".join(f"{ratio:.2f} at {n:,}" for n, ratio in ratios.items() if ratio),
        )
        peaks = {n: r[title].peak_mib for n, r in measured.items() if not r[title].failure}
        yield (
            f"{title}: peak below {PEAK_TARGET_MIB} MiB",
            "; ".join(f"{peak:.0f} at {n:,}" for n, peak in peaks.items()),
        )
        seeds = cpu_of_seeds(measured[SEEDS_SIZE], title) if SEEDS_SIZE in measured else None
        yield (
            f"{title}: {SEEDS_TARGET} times less CPU than the {SEEDS} at N = {SEEDS_SIZE:,}",
            f"{'more than ' * seeds[1]}{seeds[0]:.0f} times less" if seeds else "",
        )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--limit-seconds", type=float, default=60, help="of a call (%(default)s)")
    parser.add_argument("--limit-gib", type=float, default=12, help="of a call (%(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (%(default)s)")
    cores = min(2, len(os.sched_getaffinity(0)))
    parser.add_argument("--threads", type=int, default=cores, help="(%(default)s)")
    titles = list(dict.fromkeys(way.title for way in WAYS.values()))
    parser.add_argument("--only", nargs="+", choices=titles, default=titles, metavar="WAY")
    parser.add_argument("--verbose", action="store_true", help="show the children's warnings")
    return parser.parse_args(arguments)


def main() -> None:
    """Measures every way at every size, and prints the tables."""
    if sys.argv[1:2] == ["--worker"]:
        way, images, threads, seconds, gib = sys.argv[2:]
        result = measure(way, int(images), int(threads), float(seconds), float(gib))
        print(json.dumps(asdict(result)))
        return
    options = parse(sys.argv[1:])
    print(f"{options.threads} threads, {DIMENSIONS} dimensions, float32; {options.repeats} rounds")
    measured = {}
    for images in options.sizes:
        measured[images] = measure_size(images, options)
        print_table(images, measured[images])
        if warning := busy_line(measured[images], options.threads):
            print(f"\n{warning}")
    print("\n| target | measured |\n|---|---|")
    for target, result in target_lines(measured):
        print(f"| {target} | {result or 'not measured'} |")


if __name__ == "__main__":
    main()

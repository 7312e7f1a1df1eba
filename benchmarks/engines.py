"""What an engine adds: images/s of the data's steps on Flink and on Spark, beside the local runner.

    make bench-engines

Each way runs the same pipelines on the same drawn images, in turns: an empty one, which is what
the engine itself costs, ImageExampleGen's first pass, and ImageTransform. Flink has one or two
Python workers at a time, on as many TaskManagers; Spark's two are in one process. What a step
costs beyond an empty pipeline is shown as images a second.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import apache_beam as beam

from benchmarks.drawn_images import draw_jpegs
from benchmarks.steps import run_example_gen, run_transform
from components.beam_shards import Numbers
from components.run_environment import IN_PROCESS_BEAM, beam_variables, in_environment
from engines.flink import flink_cluster
from engines.spark import spark

SIDE, SHAPE, PEOPLE = 250, (112, 112, 3), 50
STEPS = "an empty pipeline", "ImageExampleGen", "ImageTransform"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as engines:
        folder = Path(name)
        images = write_images(folder / "images", options.images)
        cluster = engines.enter_context(flink_cluster(made(folder / "flink")))
        ways = {
            "local runner": list(IN_PROCESS_BEAM),
            "Flink, 1 worker": cluster.beam_args(1),
            "Flink, 2 workers": cluster.beam_args(2),
            "Spark, 2 workers": engines.enter_context(spark(made(folder / "spark"))),
        }
        seconds: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
        for turn in range(options.rounds + 1):  # the first warms the engines up
            for way, args in ways.items():
                taken = seconds_of(images, folder / f"{turn}-{way}", args)
                if turn:
                    seconds[way].append(taken)
        print_table(seconds, options.images)


def made(folder: Path) -> Path:
    """A folder that is made."""
    folder.mkdir()
    return folder


def write_images(folder: Path, number: int) -> Path:
    """Drawn JPEGs of `PEOPLE` people."""
    for place, content in enumerate(draw_jpegs(SIDE, number)):
        home = folder / f"person{place % PEOPLE:03d}"
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{place:06d}.jpg").write_bytes(content)
    return folder


def seconds_of(images: Path, target: Path, args: Sequence[str]) -> tuple[float, ...]:
    """How long each of `STEPS` takes."""
    times = [time.perf_counter()]
    with in_environment(beam_variables(args)):
        with beam.Pipeline(argv=list(args)) as pipeline:
            _ = pipeline | Numbers(2)
        times.append(time.perf_counter())
        examples = run_example_gen(images, target / "gen")["examples"]
        times.append(time.perf_counter())
        run_transform(examples, target / "transform", SHAPE)
        times.append(time.perf_counter())
    return tuple(end - begin for begin, end in pairwise(times))


def print_table(seconds: dict[str, list[tuple[float, ...]]], images: int) -> None:
    """The medians, and images/s beyond two empty pipelines, which each of the steps has."""
    empty, *steps = STEPS
    titles = [f"{empty}, s", *(f"{step}, s | images/s | of local" for step in steps)]
    print(f"{images} JPEGs of {SIDE} pixels\n\n| | {' | '.join(titles)} |")
    print("|---|---:|" + "---:|---:|---:|" * len(steps))
    medians = {
        way: [statistics.median(column) for column in zip(*rows, strict=True)]
        for way, rows in seconds.items()
    }
    rates = {
        way: [rate(images, taken[0], each) for each in taken[1:]] for way, taken in medians.items()
    }
    local = rates["local runner"]
    for way, (start, *taken) in medians.items():
        cells = [
            f"{each:.1f} | {own:,.0f} | {own / of_local:.2f}"
            for each, own, of_local in zip(taken, rates[way], local, strict=True)
        ]
        print(f"| {way} | {start:.1f} | {' | '.join(cells)} |")


def rate(images: int, empty: float, taken: float) -> float:
    """Images a second of a step that has two pipelines."""
    return images / max(taken - 2 * empty, 1e-9)


if __name__ == "__main__":
    main()

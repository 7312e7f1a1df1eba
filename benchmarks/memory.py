"""Peak memory and time of a step by the number of images, and of people.

    .venv/bin/python benchmarks/memory.py example_gen
    .venv/bin/python benchmarks/memory.py transform

Each row is a process of its own, on drawn JPEGs of 112x112 pixels. It prints a table: images,
people, peak memory beyond what the process has after its imports, seconds by the clock and of the
processors, and how many times the processor time of the row before it took, for how many times the
images. The last row has as many people as there may be with two images each, or 100,000. 100,000
images take about four minutes and 5 GB of disk; --images picks other sizes.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from drawn_images import draw_jpegs, write_folder

from faces.contract import (
    IDENTITY,
    IMAGE_ENCODED,
    IMAGE_HEIGHT,
    IMAGE_KEY,
    IMAGE_WIDTH,
    SPLITS,
)

SIZES = (2_000, 20_000, 100_000)
PEOPLE = 100
MANY_PEOPLE = 100_000
SHAPE = (112, 112, 3)


def write_examples(folder: Path, images: int, people: int) -> None:
    """Examples as ImageExampleGen writes them, without a step that has a memory of its own."""
    from components.shards import shard_name, write_listing, write_shard  # noqa: PLC0415

    encoded = draw_jpegs(SHAPE[0])
    splits = {name: folder / f"Split-{name}" for name in SPLITS}
    for number, home in enumerate(splits.values()):
        home.mkdir(parents=True)
        records = (
            _example(image, people, encoded[image % len(encoded)])
            for image in range(number, images, len(splits))
        )
        write_shard(str(home / shard_name(0, 1)), records)
    write_listing(str(folder), map(str, splits.values()))


def _example(image: int, people: int, encoded: bytes) -> bytes:
    from faces.storage import serialized_example  # noqa: PLC0415

    person = f"person{image % people:06d}"
    return serialized_example(
        {
            IMAGE_ENCODED: encoded,
            IMAGE_KEY: f"{person}/{image:07d}.jpg".encode(),
            IDENTITY: person.encode(),
            IMAGE_HEIGHT: SHAPE[0],
            IMAGE_WIDTH: SHAPE[1],
        }
    )


def transform(folder: Path, images: int, people: int) -> Callable[[], None]:
    """ImageTransform on examples that are there; what is returned runs it."""
    from steps import new_artifact, run_transform  # noqa: PLC0415
    from tfx.types import standard_artifacts  # noqa: PLC0415

    write_examples(folder / "examples", images, people)
    examples = new_artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = json.dumps(SPLITS)
    return lambda: run_transform(examples, folder / "run", SHAPE)


def example_gen(folder: Path, images: int, people: int) -> Callable[[], None]:
    """ImageExampleGen on a folder of files that is there; what is returned runs it."""
    from steps import run_example_gen  # noqa: PLC0415

    write_folder(folder / "faces", draw_jpegs(SHAPE[0]), images, people)
    # The same few images are everybody's: as near duplicates they would leave the other splits.
    return lambda: run_example_gen(folder / "faces", folder / "run", near_duplicates="report")


STEPS = {"example_gen": example_gen, "transform": transform}


def measure(step: str, images: int, people: int) -> None:
    """Prints MiB at the peak beyond those before, seconds, and seconds of the processors."""
    with tempfile.TemporaryDirectory() as folder:
        run = STEPS[step](Path(folder), images, people)
        before, started, cpu = _resident_mib(), time.monotonic(), time.process_time()
        peaks = [before]
        stop = threading.Event()
        watch = threading.Thread(target=_watch, args=(peaks, stop))
        watch.start()
        run()
        stop.set()
        watch.join()
        seconds = time.monotonic() - started
        print(f"{max(peaks) - before:.0f} {seconds:.1f} {time.process_time() - cpu:.1f}")


def _watch(peaks: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        peaks.append(_resident_mib())


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def growth(step: str, sizes: Sequence[int]) -> None:
    """Prints the table of a step."""
    print(f"\n{step}\n\n| images | people | peak MiB | s | CPU s | times the row before |")
    print("|---:|---:|---:|---:|---:|---|")
    rows = [(images, PEOPLE) for images in sizes]
    rows.append((sizes[-1], min(MANY_PEOPLE, sizes[-1] // 2)))
    before: tuple[int, float] | None = None
    for images, people in rows:
        peak, seconds, cpu = _measured(step, images, people)
        times = f"{cpu / before[1]:.2f} for {images / before[0]:.1f}" if before else ""
        print(
            f"| {images:,} | {people:,} | {peak:,.0f} | {seconds} | {cpu} | {times} |", flush=True
        )
        before = images, cpu


def _measured(step: str, images: int, people: int) -> tuple[float, float, float]:
    command = [sys.executable, __file__, step, "--one", str(images), str(people)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    peak, seconds, cpu = map(float, done.stdout.split()[-3:])
    return peak, seconds, cpu


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--images", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.step, *options.one)
    else:
        growth(options.step, options.images)


if __name__ == "__main__":
    main()

"""The peak memory of a step by the number of images: it must not grow with them.

    .venv/bin/python benchmarks/memory.py example_gen
    .venv/bin/python benchmarks/memory.py transform

Each size is a process of its own, on drawn JPEGs of 112x112 pixels. It prints a table: images, peak
memory beyond what the process has after its imports, and seconds. 100,000 images take about five
minutes and 5 GB of disk; --images picks other sizes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

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
SHAPE = (112, 112, 3)
# Drawn once each: what a step does with an image does not depend on whether it has seen it before.
DIFFERENT_IMAGES = 500


def write_examples(folder: Path, images: int) -> None:
    """Examples as ImageExampleGen writes them, without a step that has a memory of its own."""
    import tensorflow as tf  # noqa: PLC0415

    from components.shards import write_listing  # noqa: PLC0415

    encoded = draw_jpegs()
    splits = {name: folder / f"Split-{name}" for name in SPLITS}
    for number, home in enumerate(splits.values()):
        home.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(home / "data_tfrecord-00000.gz"), options="GZIP") as writer:
            for image in range(number, images, len(splits)):
                writer.write(_example(image, encoded[image % DIFFERENT_IMAGES]))
    write_listing(str(folder), map(str, splits.values()))


def draw_jpegs() -> list[bytes]:
    """DIFFERENT_IMAGES files."""
    import tensorflow as tf  # noqa: PLC0415

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (DIFFERENT_IMAGES, 8, 8, 3), dtype=np.uint8)
    pictures = tf.cast(tf.image.resize(coarse, SHAPE[:2], method="bicubic"), tf.uint8)
    return [tf.io.encode_jpeg(picture).numpy() for picture in pictures]


def _example(image: int, encoded: bytes) -> bytes:
    from faces.storage import serialized_example  # noqa: PLC0415

    person = f"person{image % PEOPLE:03d}"
    return serialized_example(
        {
            IMAGE_ENCODED: encoded,
            IMAGE_KEY: f"{person}/{image:07d}.jpg".encode(),
            IDENTITY: person.encode(),
            IMAGE_HEIGHT: SHAPE[0],
            IMAGE_WIDTH: SHAPE[1],
        }
    )


def transform(folder: Path, images: int) -> Callable[[], None]:
    """ImageTransform on examples that are there; what is returned runs it."""
    from tfx.types import standard_artifacts  # noqa: PLC0415

    from benchmarks.steps import new_artifact, run_transform  # noqa: PLC0415

    write_examples(folder / "examples", images)
    examples = new_artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = json.dumps(SPLITS)
    return lambda: run_transform(examples, folder / "run", SHAPE)


def example_gen(folder: Path, images: int) -> Callable[[], None]:
    """ImageExampleGen on a folder of files that is there; what is returned runs it."""
    from benchmarks.steps import run_example_gen  # noqa: PLC0415

    faces, encoded = folder / "faces", draw_jpegs()
    for person in range(PEOPLE):
        (faces / f"person{person:03d}").mkdir(parents=True)
    for image in range(images):
        path = faces / f"person{image % PEOPLE:03d}" / f"{image:07d}.jpg"
        path.write_bytes(encoded[image % DIFFERENT_IMAGES])
    return lambda: run_example_gen(faces, folder / "run")


STEPS = {"example_gen": example_gen, "transform": transform}


def measure(step: str, images: int) -> None:
    """Prints MiB at the peak beyond those before, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = STEPS[step](Path(folder), images)
        before, started = _resident_mib(), time.monotonic()
        peaks = [before]
        stop = threading.Event()
        watch = threading.Thread(target=_watch, args=(peaks, stop))
        watch.start()
        run()
        stop.set()
        watch.join()
        print(f"{max(peaks) - before:.0f} {time.monotonic() - started:.0f}")


def _watch(peaks: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        peaks.append(_resident_mib())


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--images", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.step, options.one)
        return
    print("| images | peak MiB | s |\n|---:|---:|---:|")
    for images in options.images:
        command = [sys.executable, __file__, options.step, "--one", str(images)]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        peak, seconds = done.stdout.split()[-2:]
        print(f"| {images:,} | {int(peak):,} | {seconds} |", flush=True)


if __name__ == "__main__":
    main()

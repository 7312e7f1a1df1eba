"""What it costs to look at every file of a folder of faces, which each run does before all else.

    .venv/bin/python benchmarks/fingerprint.py

Writes files of random bytes in the shape of Labeled Faces in the Wild, and prints the median times
of listing them and of the fingerprint that decides whether the cache still holds. The files are in
the system's page cache by then: from a disk that is slower, it takes what the disk takes.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from faces.sources.folder import FolderSource


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=13_233)
    parser.add_argument("--bytes", type=int, default=14_000, help="of each file")
    parser.add_argument("--people", type=int, default=5_749)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for image in range(options.images):
            home = root / f"person{image % options.people:05d}"
            home.mkdir(exist_ok=True)
            (home / f"{image:07d}.jpg").write_bytes(os.urandom(options.bytes))
        print("| what | s | images/s | MB/s |\n|---|---:|---:|---:|")
        for name, look in (
            ("list", FolderSource.list),
            ("list and fingerprint", FolderSource.fingerprint),
        ):
            seconds = median_seconds(look, FolderSource(root), options.rounds)
            rate = options.images / seconds
            print(f"| {name} | {seconds:.2f} | {rate:,.0f} | {rate * options.bytes / 1e6:,.0f} |")


def median_seconds(
    look: Callable[[FolderSource], object], source: FolderSource, rounds: int
) -> float:
    """Of some rounds after one that is not counted."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        look(source)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()

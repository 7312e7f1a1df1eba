"""What a verdict takes: in a process of its own, and in a list, with an export and without one.

    .venv/bin/python benchmarks/verify.py --model-dir runs/demo/serving_model --data-dir build/orl

Takes the newest model of a run with `model.export`, and a copy of it without exports, which is what
TensorFlow runs. Prints the medians of some rounds in fresh processes, by the clock and in seconds
of the processors, with the files in the page cache; and whether both gave the same answers.
"""

import argparse
import csv
import dataclasses
import itertools
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from biometrics.thresholds.pack import COMPANIONS, EXPORTS, THRESHOLDS_FILE
from serving.model_dir import newest_complete

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    version = newest_complete(str(options.model_dir)).version
    if version is None or not version.pack.exports:
        parser.error(f"no model with exports in {options.model_dir}: set model.export in a run")
    images = sorted(p.resolve() for p in options.data_dir.rglob("*") if p.suffix in SUFFIXES)
    pairs = random.Random(0).sample(list(itertools.combinations(images, 2)), options.pairs)
    with tempfile.TemporaryDirectory() as folder:
        models = {
            "SavedModel": without_exports(Path(version.path), Path(folder) / "bare"),
            "export": Path(version.path),
        }
        print("| what | " + " | ".join(f"{name}, s | CPU-s" for name in models) + " |")
        print("|---|" + "---:|---:|" * len(models))
        show("two images", models, pairs[0], options.rounds)
        listed = Path(folder) / "pairs.csv"
        with listed.open("w", newline="") as file:
            csv.writer(file).writerows([("first", "second"), *pairs])
        answers = show(f"{len(pairs):,} pairs", models, ["--pairs", listed], 1)
    print(f"\n{agreement(*answers)}; {len(images):,} images, {os.cpu_count()} cores")


def without_exports(version: Path, copy: Path) -> Path:
    """A copy of a pushed model that has no exports, and a pack that names none."""
    shutil.copytree(version, copy, ignore=shutil.ignore_patterns(Path(EXPORTS).name))
    pack = newest_complete(str(version.parent)).version.pack
    path = copy / COMPANIONS / THRESHOLDS_FILE
    path.write_text(dataclasses.replace(pack, exports={}).to_json())
    return copy


def show(what: str, models: dict[str, Path], arguments: Sequence[object], rounds: int) -> list[str]:
    """Prints a row; gives what each model has answered."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    answers = {}
    for _ in range(rounds):
        for name, path in models.items():
            clock, processors = time.perf_counter(), processor_seconds()
            answers[name] = answered(path, arguments)
            used = time.perf_counter() - clock, processor_seconds() - processors
            taken[name].append(used)
    columns = itertools.chain.from_iterable(zip(*used, strict=True) for used in taken.values())
    times = [statistics.median(column) for column in columns]
    print(f"| {what} | {' | '.join(f'{seconds:.2f}' for seconds in times)} |", flush=True)
    return list(answers.values())


def processor_seconds() -> float:
    """Of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def answered(model: Path, arguments: Sequence[object]) -> str:
    """What the command prints."""
    command = [sys.executable, ROOT / "pipeline" / "verify.py", "--model-dir", model, *arguments]
    run = subprocess.run(
        list(map(str, command)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def agreement(bare: str, light: str) -> str:
    """How the two answers to a list differ."""
    both = list(zip(*(csv.DictReader(text.splitlines()) for text in (bare, light)), strict=True))
    same = sum(one["same"] == other["same"] for one, other in both)
    apart = max(abs(float(one["distance"]) - float(other["distance"])) for one, other in both)
    return f"verdicts that agree: {same:,} of {len(both):,}; distances at most {apart:.2g} apart"


if __name__ == "__main__":
    main()

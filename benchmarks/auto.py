"""How far the recipe that follows the data gets where the demo's does not fit: drawn people.

Some hundreds of identities with five images each, of which four are trained on and one validates,
and others whom the training never sees. They are drawn (`drawn_people.py`), and nobody's faces.

    .venv/bin/python -m benchmarks.auto --people 400 --unseen 100 --set training.epochs=20

prints a line for each configuration: the accuracy on the training images without margin, as they
were changed at random, in the epoch that is delivered, and the figures on the unseen.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.drawn_people import draw_people
from benchmarks.trained import train_on
from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.metrics import (
    calculate_identification_metrics,
    calculate_one_enrolled_rank1,
    calculate_verification_metrics,
    true_accept_rate,
)
from pipeline.config import Config, load_config

COLUMNS = ("epochs", "accuracy", "EER", "TAR@FAR=1%", "Rank-1", "Rank-1, one enrolled", "CPU-s")
IMAGES = 5


@dataclass(frozen=True)
class DrawnData:
    """Pairs of uint8 [N, side, side, 1] pixels and int64 [N] labels, counted from 0.

    Attributes:
      train: of known people.
      val: other images of the same.
      unseen: of others.
    """

    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    unseen: tuple[np.ndarray, np.ndarray]


def draw_data(people: int, unseen: int, side: int, seed: int, variation: float = 1.0) -> DrawnData:
    """Draws all of them, and holds out the last image of each known one."""
    pixels, labels = draw_people(people + unseen, IMAGES, side, seed, variation)
    is_known = labels < people
    is_last = np.arange(len(labels)) % IMAGES == IMAGES - 1
    train, val = is_known & ~is_last, is_known & is_last
    return DrawnData(
        train=(pixels[train], labels[train]),
        val=(pixels[val], labels[val]),
        unseen=(pixels[~is_known], labels[~is_known] - people),
    )


def measure(config: Config, data: DrawnData) -> list[float]:
    """The figures of `COLUMNS`."""
    started = time.process_time()
    result = train_on(config, data.train, data.val)
    seconds = time.process_time() - started
    pixels, labels = data.unseen
    embeddings = result.embedding_model.predict(pixels, verbose=0)
    return [
        len(result.history["loss"]),
        result.history["accuracy"][result.best_epoch - 1],
        calculate_verification_metrics(embeddings, labels, "cosine")["EER"],
        true_accept_rate(score_pairs(embeddings, labels, "cosine"), 0.01),
        calculate_identification_metrics(embeddings, labels, "cosine", ranks=(1,))["Rank-1"],
        calculate_one_enrolled_rank1(embeddings, labels, "cosine"),
        seconds,
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--unseen", type=int, default=100)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0, help="of the drawings")
    parser.add_argument(
        "--configs",
        type=Path,
        nargs="+",
        default=[Path("configs/demo.yaml"), Path("configs/auto.yaml")],
    )
    parser.add_argument("--variation", type=float, default=1.0, help="see drawn_people.py")
    parser.add_argument("--set", nargs="*", default=[], dest="settings", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    network = [
        f"model.input_shape=[{arguments.side},{arguments.side},1]",
        "model.embedding_dim=128",
        *arguments.settings,
    ]
    data = draw_data(
        arguments.people, arguments.unseen, arguments.side, arguments.seed, arguments.variation
    )
    print(f"| {arguments.people} people | " + " | ".join(COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|", flush=True)
    for path in arguments.configs:
        epochs, *rates, seconds = measure(load_config(path, network), data)
        cells = [f"{epochs:.0f}", *(f"{rate:.3f}" for rate in rates), f"{seconds:.0f}"]
        print(f"| {path.stem} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

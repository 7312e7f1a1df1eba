"""How well the demo's recipe tells apart people it has never seen: five folds over ORL.

The 40 people of the ORL/AT&T faces are dealt into five folds of eight. For each fold a model is
trained on the other 32 people and measured on all pairs of images of the eight, beside methods that
need no network, on the very same pairs. The recipe is that of the demo's config file, and images go
the way of the pipeline: encoded losslessly, then decoded and resized by its functions.

    .venv/bin/python -m benchmarks.orl --data-dir build/orl

prints one table, the mean over the folds; with --verbose the figures of each fold as well. Every
method's seconds of processor time hold its training and its embeddings.

The recipe was chosen on the 32 training people of the first fold alone, by cross-validation among
them; the eight test people of that fold had no part in it.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.trained import train_on
from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.baselines import (
    eigenface_embeddings,
    fisherface_embeddings,
    raw_pixel_embeddings,
)
from biometrics.figures.metrics import (
    calculate_identification_metrics,
    calculate_one_enrolled_rank1,
    calculate_verification_metrics,
    true_accept_rate,
)
from faces.images.decode import decode_and_resize
from faces.images.encode import encode_image
from faces.sources.folder import FolderSource
from pipeline.config import Config, load_config

FOLDS = 5
FOLD_SEED = 1  # of the deal of people into folds
FIGURES = ("EER", "AUC", "TAR@FAR=1%", "Rank-1", "Rank-1, one enrolled", "CPU-s")


@dataclass(frozen=True)
class Images:
    """pixels: uint8 [N, H, W, C]; labels: int64 [N], a number a person."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Fold:
    """`train` and `val` are images of the same people, labelled 0 .. C - 1; `test` of others."""

    train: Images
    val: Images
    test: Images


def load_images(data_dir: Path, config: Config) -> Images:
    """Reads the images below a folder as the pipeline does; people are numbered s1, s2, ... s40."""
    source = FolderSource(data_dir)
    records = source.list().records
    limits = config.data.max_pixels, config.model.input_shape[2]
    encoded = [encode_image(source.read(record), *limits).encoded for record in records]
    return Images(
        decode_and_resize(tf.constant(encoded), tuple(config.model.input_shape)).numpy(),
        number_people([record.identity for record in records]),
    )


def number_people(identities: Sequence[str]) -> np.ndarray:
    """int64 [N], the number of the person in each image: s1 is 0, s2 is 1."""
    people = sorted(set(identities), key=lambda name: (len(name), name))
    return np.array([people.index(identity) for identity in identities])


def deal_people(labels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The people who are tested in each of the folds."""
    return np.array_split(rng.permutation(np.unique(labels)), FOLDS)


def make_folds(images: Images, config: Config) -> Iterator[Fold]:
    """Deals the people into folds, and holds out `data.val_split` of each training person."""
    rng = np.random.default_rng(FOLD_SEED)
    for test_people in deal_people(images.labels, rng):
        train, val = [], []
        for person in np.setdiff1d(images.labels, test_people):
            rows = rng.permutation(np.flatnonzero(images.labels == person))
            held_out = round(config.data.val_split * len(rows))
            val.extend(rows[:held_out])
            train.extend(rows[held_out:])
        test = np.flatnonzero(np.isin(images.labels, test_people))
        yield Fold(_pick(images, train), _pick(images, val), _pick(images, test))


def _pick(images: Images, rows: Sequence[int]) -> Images:
    """Some of the images, their people numbered anew from 0."""
    labels = np.unique(images.labels[rows], return_inverse=True)[1]
    return Images(images.pixels[rows], labels)


def embed_with_raw_pixels(fold: Fold, _: Config) -> np.ndarray:
    """The pixels themselves."""
    return raw_pixel_embeddings(fold.test.pixels)


def embed_with_eigenfaces(fold: Fold, config: Config) -> np.ndarray:
    """Whitened principal components of the training images."""
    train, _ = _all_training_images(fold)
    return eigenface_embeddings(train, fold.test.pixels, seed=config.data.seed)


def embed_with_fisherfaces(fold: Fold, config: Config) -> np.ndarray:
    """Linear discriminants of principal components (Belhumeur et al., 1997)."""
    train, labels = _all_training_images(fold)
    return fisherface_embeddings(train, labels, fold.test.pixels, seed=config.data.seed)


def embed_with_arcface(fold: Fold, config: Config) -> np.ndarray:
    """The model of this project, trained by the recipe of the config."""
    train, val = fold.train, fold.val
    result = train_on(config, (train.pixels, train.labels), (val.pixels, val.labels))
    return result.embedding_model.predict(fold.test.pixels, verbose=0)


METHODS: dict[str, Callable[[Fold, Config], np.ndarray]] = {
    "raw pixels": embed_with_raw_pixels,
    "eigenfaces": embed_with_eigenfaces,
    "Fisherfaces": embed_with_fisherfaces,
    "ArcFace": embed_with_arcface,
}


def _all_training_images(fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """The methods without a network have no use for a validation split."""
    pixels = np.concatenate([fold.train.pixels, fold.val.pixels])
    return pixels, np.concatenate([fold.train.labels, fold.val.labels])


def measure(method: str, fold: Fold, config: Config) -> list[float]:
    """The `FIGURES` of a method on a fold."""
    start = time.process_time()
    embeddings = METHODS[method](fold, config)
    seconds = time.process_time() - start
    return [*rates_of(embeddings, fold.test.labels), seconds]


def rates_of(embeddings: np.ndarray, labels: np.ndarray) -> list[float]:
    """All of `FIGURES` but the seconds."""
    verification = calculate_verification_metrics(embeddings, labels, "cosine")
    return [
        verification["EER"],
        verification["AUC"],
        true_accept_rate(score_pairs(embeddings, labels, "cosine"), 0.01),
        calculate_identification_metrics(embeddings, labels, "cosine")["Rank-1"],
        calculate_one_enrolled_rank1(embeddings, labels, "cosine"),
    ]


def table_row(name: str, figures: Sequence[float]) -> str:
    """One line of the Markdown table."""
    *rates, seconds = figures
    return f"| {name} | " + " | ".join(f"{rate:.3f}" for rate in rates) + f" | {seconds:.1f} |"


def main() -> None:
    """Measures every method on every fold, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("build/orl"))
    parser.add_argument("--config", type=Path, default=Path("configs/demo.yaml"))
    parser.add_argument("--set", action="append", default=[], help="key=value, as of `arcface run`")
    parser.add_argument("--verbose", action="store_true", help="print each fold as well")
    arguments = parser.parse_args()
    config = load_config(arguments.config, arguments.set)
    figures: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    folds = make_folds(load_images(arguments.data_dir, config), config)
    print(f"| mean of {FOLDS} folds | " + " | ".join(FIGURES) + " |")
    print("|---" * (1 + len(FIGURES)) + "|", flush=True)
    for number, fold in enumerate(folds, start=1):
        for method, rows in figures.items():
            rows.append(measure(method, fold, config))
            if arguments.verbose:
                print(table_row(f"{method}, fold {number}", rows[-1]), flush=True)
    for method, rows in figures.items():
        print(table_row(method, np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()

"""How well the demo's recipe tells apart people it has never seen: five folds over ORL.

The 40 people of the ORL/AT&T faces are dealt into five folds of eight. For each fold a model is
trained on the other 32 people and measured on all pairs of the eight, beside methods that need no
network on the very same pairs. The recipe is that of a config file, and images go the way of the
pipeline: encoded losslessly, decoded and resized by the same functions, validation images drawn by
the same rule.

    .venv/bin/python benchmarks/orl.py --data-dir build/orl

prints one table: the mean over the folds, and with --verbose a line for each fold too.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from components.evaluator.baselines import eigenface_embeddings, raw_pixel_embeddings
from components.evaluator.metrics import (
    calculate_identification_metrics,
    calculate_one_enrolled_rank1,
    calculate_verification_metrics,
    score_pairs,
    true_accept_rate,
)
from components.example_gen.folder import identity_of, list_images
from components.example_gen.images import encode_image
from components.example_gen.splits import assign_splits
from components.trainer.data import shuffled
from components.trainer.face_model_trainer import FaceModelTrainer
from components.transform.images import decode_and_resize
from pipeline.config import Config, load_config

FOLDS = 5
COLUMNS = ("EER", "AUC", "TAR@FAR=1%", "Rank-1", "Rank-1, one enrolled", "CPU-s")


@dataclass(frozen=True)
class Images:
    """pixels: uint8 [N, H, W, C]; labels: int [N], one value a person."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Fold:
    """The images of one fold; `train` and `val` share people, `test` has people of its own."""

    train: Images
    val: Images
    test: Images


Method = Callable[[Fold], np.ndarray]


def load_images(data_dir: Path, keys: list[str], config: Config) -> np.ndarray:
    """Reads images as the pipeline does; uint8 [N, H, W, C]."""
    encoded = [
        encode_image((data_dir / key).read_bytes(), config.data.max_pixels).encoded for key in keys
    ]
    return decode_and_resize(tf.constant(encoded), tuple(config.model.input_shape)).numpy()


def make_folds(data_dir: Path, config: Config) -> Iterator[Fold]:
    """Deals the people, in the order of `data.seed`, into folds of test people."""
    keys = list_images(data_dir)
    pixels = load_images(data_dir, keys, config)
    people, labels = np.unique([identity_of(key) for key in keys], return_inverse=True)
    order = np.random.default_rng(config.data.seed).permutation(len(people))
    for test_people in np.array_split(order, FOLDS):
        is_test = np.isin(labels, test_people)
        is_val = np.isin(keys, _val_keys([k for k, t in zip(keys, is_test) if not t], config))
        classes = np.cumsum(~np.isin(np.arange(len(people)), test_people)) - 1
        yield Fold(
            *(
                Images(pixels[chosen], classes[labels[chosen]])
                for chosen in (~is_test & ~is_val, is_val)
            ),
            test=Images(pixels[is_test], labels[is_test]),
        )

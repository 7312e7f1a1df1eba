"""Every random choice of the pipeline, each in a domain of its own under the one seed.

Two choices that shared a hash or a stream of numbers would not be independent: whoever is picked
first for the test people would be picked first for a gallery too, and a figure of the one would be
biased by the other. So no choice hashes the bare seed, and no generator starts from it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np


class Draw(StrEnum):
    """What is drawn; the value is hashed with the seed, so to change one is to draw anew."""

    TEST_PEOPLE = "test people"
    VAL_PEOPLE = "val people"
    HELD_OUT_IMAGES = "held-out images"
    TRAINING = "training"
    TRAINING_ORDER = "training order"
    FIRST_CENTRES = "first centres"
    SAMPLED_CLASSES = "sampled classes"
    AUGMENTATION = "augmentation"
    DEV_PEOPLE = "dev people"
    RESAMPLED_PEOPLE = "resampled people"
    RESAMPLED_PAIRS = "resampled pairs"
    CLOSED_SET_GALLERY = "closed-set gallery"
    OPEN_SET_PEOPLE = "open-set people"
    OPEN_SET_GALLERY = "open-set gallery"
    TEMPLATE_IMAGES = "template images"
    ONE_ENROLLED_PROBES = "one-enrolled probes"
    LISTED_PAIRS = "listed pairs"
    BASELINE_TRAINING_IMAGES = "baseline training images"
    BASELINE_DECOMPOSITION = "baseline decomposition"
    BASELINE_PEOPLE = "baseline people"
    AUDITED_HALVES = "audited halves"
    TRIED_IMAGES = "tried images"


def rank(draw: Draw, seed: int, name: str) -> bytes:
    """Where a name comes in a random order, as a sort key: SHA-256 of draw, seed and name.

    It depends on nothing but these, so that names more or less leave the order of the others alone.
    """
    text = f"{draw}\0{seed}\0{name}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def shuffled_places(draw: Draw, seed: int, names: Sequence[str]) -> list[int]:
    """The places of the names in the order of `rank`: first that of the name that comes first."""
    ranks = [rank(draw, seed, name) for name in names]
    return sorted(range(len(names)), key=ranks.__getitem__)


def shuffled(draw: Draw, seed: int, names: Iterable[str]) -> list[str]:
    """The names in the order of `rank`; the order in which they come does not matter."""
    given = list(names)
    return [given[place] for place in shuffled_places(draw, seed, given)]


def derived_seed(draw: Draw, seed: int) -> int:
    """A seed of 32 bits for a library that makes its own generator."""
    return int.from_bytes(rank(draw, seed, "")[:4], "big")


def generator(draw: Draw, seed: int, name: str = "") -> np.random.Generator:
    """NumPy's generator for a draw, or for the one of its many draws that has this name."""
    return np.random.default_rng(int.from_bytes(rank(draw, seed, name), "big"))

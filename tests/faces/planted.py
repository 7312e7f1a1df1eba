"""Embeddings of people who are well apart, with wrong labels and second names planted in them."""

from dataclasses import dataclass

import numpy as np

DIMENSIONS = 128
FEWEST, MOST = 3, 50


@dataclass(frozen=True)
class Planted:
    """What `plant` gives.

    Attributes:
      embeddings: float32 [N, 128].
      identities: as they are said to be, [N].
      wrong: the places of the images of somebody else.
      same: pairs of names of one person.
    """

    embeddings: np.ndarray
    identities: list[str]
    wrong: set[int]
    same: set[tuple[str, str]]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def around(directions, cosine, rng):
    """An embedding about each direction; two of one direction have about this cosine."""
    noise = rng.normal(size=directions.shape) / np.sqrt(directions.shape[1])
    return unit(directions + np.sqrt(1 / cosine - 1) * noise).astype(np.float32)


def plant(seed, people=40, flips=0.05, splits=0.1, cosine=0.5):
    """People of 3 to 50 images, of which a share of the images and of the people is spoiled.

    A name, the second ones too, has three right images or more, and more of them than wrong ones:
    else nobody could say whose it is.
    """
    rng = np.random.default_rng(seed)
    counts = rng.integers(FEWEST, MOST + 1, people)
    person = np.repeat(np.arange(people), counts)
    embeddings = around(unit(rng.normal(size=(people, DIMENSIONS)))[person], cosine, rng)
    name = person.copy()
    large = np.flatnonzero(counts >= 2 * FEWEST)
    halved = rng.choice(large, min(len(large), round(splits * people)), replace=False)
    for one in halved:
        own = rng.permutation(np.flatnonzero(person == one))
        name[own[: rng.integers(FEWEST, len(own) - FEWEST + 1)]] += people
    wrong = _flip(name, person, round(flips * len(name)), rng)
    return Planted(
        embeddings,
        [f"name {number:04d}" for number in name],
        wrong,
        {(f"name {one:04d}", f"name {one + people:04d}") for one in halved},
    )


def _flip(name, person, wanted, rng):
    """Gives images to names of other people, in place; returns which."""
    names, right = np.unique(name, return_counts=True)
    right, taken = dict(zip(names, right, strict=True)), dict.fromkeys(names, 0)
    person_of = dict(zip(name, person, strict=True))
    wrong = set()
    for image in rng.permutation(len(name)):
        new = rng.choice(names)
        old = name[image]
        fits = right[old] - 1 >= max(FEWEST, taken[old] + 1) and taken[new] + 1 < right[new]
        if len(wrong) < wanted and fits and person_of[new] != person[image]:
            right[old] -= 1
            taken[new] += 1
            name[image] = new
            wrong.add(int(image))
    return wrong

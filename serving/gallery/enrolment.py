"""New images of a person beside what is enrolled: how near they are, and what is wrong."""

from collections.abc import Sequence

import numpy as np

from biometrics.arrays import Bool, Float32, Int64
from serving.gallery.crops import KeptImage
from serving.gallery.database import Database
from serving.gallery.policy import (
    FAR,
    EnrolPolicy,
    Neighbours,
    wrong_beside_others,
    wrong_by_itself,
)
from serving.gallery.rates import decide
from serving.gallery.records import EnrollableImage
from serving.gallery.sealing import unseal
from serving.gallery.search import distances_to, near_rows, nearest
from serving.gallery.snapshot import Snapshot

# Of two images with the same pixels; batches of a model differ in the last bits.
_SAME_DISTANCE = 1e-3


def judge(
    database: Database,
    snapshot: Snapshot,
    person: str,
    images: Sequence[EnrollableImage],
    *,
    vectors: Float32,
    policy: EnrolPolicy,
) -> list[dict[str, str]]:
    """What is wrong with each of a person's new images, allowed or not: rule -> why.

    Args:
      database: of the gallery, within a transaction.
      snapshot: of it.
      person: whose images they are.
      images: N of them.
      vectors: float32 [N, D], their embeddings.
      policy: what is allowed is not in the way of other images.
    """
    pack = snapshot.identity.pack
    threshold = decide(pack, 0, snapshot.far).point.threshold
    neighbours = _neighbours(database, snapshot, person, images, vectors)
    alone = [wrong_by_itself(image, pack) for image in images]
    everything = np.ones(len(images), bool)
    first = wrong_beside_others(neighbours, threshold, everything)
    usable = np.array(
        [
            not policy.refusals({**one, **two} | {FAR: ""}).keys() - {FAR}
            for one, two in zip(alone, first, strict=True)
        ]
    )
    beside = wrong_beside_others(neighbours, threshold, usable)
    return [one | two for one, two in zip(alone, beside, strict=True)]


def _neighbours(
    database: Database,
    snapshot: Snapshot,
    person: str,
    images: Sequence[EnrollableImage],
    vectors: Float32,
) -> Neighbours:
    number = snapshot.names.ids.get(person, -1)
    own = np.flatnonzero(snapshot.people == number)
    distance = snapshot.identity.pack.distance
    to_own = _distances(vectors, snapshot.vectors(database, own), distance)
    each_other = _distances(vectors, vectors, distance)
    others, names = _others(database, snapshot, number, vectors)
    return Neighbours(
        to_own,
        each_other,
        others,
        names,
        _copies(database, snapshot.images[own], images, to_own, each_other),
    )


def _distances(queries: Float32, vectors: Float32, distance: str) -> Float32:
    """float32 [Q, N]."""
    if not len(vectors):
        return np.empty((len(queries), 0), np.float32)
    return np.stack([distances_to(query, vectors, distance) for query in queries])


def _others(
    database: Database, snapshot: Snapshot, number: int, vectors: Float32
) -> tuple[Float32, list[str]]:
    """The distance to the nearest other person, and who that is."""
    distances, names = np.full(len(vectors), np.inf, np.float32), [""] * len(vectors)
    near_two = near_rows(snapshot.rows, vectors, 2, snapshot.people)
    for place, both in enumerate(near_two):
        near = both[snapshot.people[both] != number]
        if len(near):
            there = snapshot.vectors(database, near)
            found = distances_to(vectors[place], there, snapshot.identity.pack.distance)
            [(row, distance)] = nearest(near, found, near, 1, snapshot.name_of)
            distances[place], names[place] = distance, snapshot.name_of(row)
    return distances, names


def _copies(
    database: Database,
    own: Int64,
    images: Sequence[EnrollableImage],
    to_own: Float32,
    each_other: Float32,
) -> Bool:
    """Whether the person has each image already, or it comes a second time."""
    is_copy = np.zeros(len(images), bool)
    for place, image in enumerate(images):
        near = own[to_own[place] <= _SAME_DISTANCE]
        earlier = np.flatnonzero(each_other[place, :place] <= _SAME_DISTANCE).tolist()
        is_copy[place] = any(
            np.array_equal(image.pixels, _kept_pixels(database, number)) for number in near.tolist()
        ) or any(np.array_equal(image.pixels, images[other].pixels) for other in earlier)
    return is_copy


def _kept_pixels(database: Database, image: int) -> np.ndarray:
    row = database.one("SELECT sealed FROM image WHERE id = ?", (image,))
    assert row
    return KeptImage.from_bytes(unseal(row[0])).pixels

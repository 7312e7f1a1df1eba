"""The images that are measured, by name, and what a model has made of them."""

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from biometrics.arrays import Float32, Int64
from biometrics.engine.inputs import check_embeddings
from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.errors import EvaluationError
from groundfloor.draws import Draw, shuffled, shuffled_places

# The share of the images drawn that may show one person.
_MOST_OF_A_PERSON = 0.1
# What an .npz of embeddings holds.
_ARRAYS = ("embeddings", "identities", "keys")
# What NumPy and zipfile raise on files that are damaged, encrypted, too large or hold objects.
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

# Embeddings [N, D], the person in each image, and the distance -> the scores of all pairs.
PairScorer = Callable[[NDArray[Any], Sequence[str], str], PairScores]
# Some images, by their place -> uint8 [K, H, W, C].
Pixels = Callable[[Sequence[int]], NDArray[np.uint8]]


# Without names two lists of strings would be one slip away from each other.
@dataclass(frozen=True, eq=False, kw_only=True)
class ImageSet:
    """Images of people, in an order of their own, before a model has seen them.

    Attributes:
      identities: the person in each image, N of them, two or more.
      keys: the name of each image, unique, N of them.
      pixels: gives some of the images, by their place: uint8 [K, H, W, C]; None where they are not
        at hand.
      attributes: column -> the value for each image, N of them, empty where nobody knows it.

    Raises:
      EvaluationError: there are not as many keys or values as identities, fewer than two, or a key
        occurs twice.
    """

    identities: Sequence[str]
    keys: Sequence[str]
    pixels: Pixels | None = None
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = (len(self.identities), len(self.keys))
        if len(set(lengths)) > 1 or lengths[0] < 2:
            raise EvaluationError(
                "There must be an identity and a key for each of at least two images. "
                f"Received: {lengths[0]} and {lengths[1]}"
            )
        for column, values in self.attributes.items():
            if len(values) != len(self.keys):
                raise EvaluationError(
                    f"There must be a value of {column} for each image. "
                    f"Received: {len(values)} for {len(self.keys)} images"
                )
        if len(set(self.keys)) < len(self.keys):
            raise EvaluationError(
                "The keys must be unique. "
                f"Received: {len(self.keys)} keys, {len(set(self.keys))} of them different"
            )

    @cached_property
    def identity(self) -> Int64:
        """0 .. K - 1, the person in each image, by the order of the names; int64 [N]."""
        return np.unique(np.asarray(self.identities), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def sizes(self) -> Int64:
        """Images of each person, int64 [K]."""
        return np.bincount(self.identity)

    def turns(self, draw: Draw, seed: int) -> Int64:
        """The place of each image in a random order of its person's images; int64 [N], 0 based.

        The order is that of the keys' hashes: another seed gives another, and the order of the
        images in the set does not matter.
        """
        order = np.array(shuffled_places(draw, seed, self.keys), np.int64)
        by_person = order[np.argsort(self.identity[order], kind="stable")]
        first = np.cumsum(self.sizes) - self.sizes
        turns = np.empty(len(order), np.int64)
        turns[by_person] = np.arange(len(order)) - np.repeat(first, self.sizes)
        return turns

    def shown(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Some of the images, uint8 [K, H, W, C] in the order of `places`.

        Raises:
          EvaluationError: they are not at hand.
        """
        if self.pixels is None:
            raise EvaluationError("the images are not at hand")
        return self.pixels(places)

    def embedded(self, embeddings: Float32) -> "EmbeddingSet":
        """These images with a model's embeddings [N, D] of them, in their order."""
        return EmbeddingSet(
            identities=self.identities,
            keys=self.keys,
            pixels=self.pixels,
            attributes=self.attributes,
            embeddings=embeddings,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddingSet(ImageSet):
    """Images with a model's embeddings of them.

    Attributes:
      embeddings: float32 [N, D], finite; other real numbers are taken as well.

    Raises:
      EvaluationError: see `ImageSet`; or there is another number of embeddings, or they are no
        finite numbers [N, D].
    """

    embeddings: Float32
    _scored: dict[str, PairScores] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = np.shape(self.embeddings)
        if shape[:1] != (len(self.keys),):
            raise EvaluationError(
                "There must be an embedding of each image. "
                f"Received: embeddings of shape {shape} for {len(self.keys)} images"
            )
        check_embeddings(self.embeddings)

    def pairs(self, distance: str, score: PairScorer = score_pairs) -> PairScores:
        """The scores of all pairs, counted the first time that they are asked for.

        Args:
          distance: `cosine` or `euclidean`.
          score: counts them.

        Raises:
          EvaluationError: see `score_pairs`.
        """
        if distance not in self._scored:
            self._scored[distance] = score(self.embeddings, self.identities, distance)
        return self._scored[distance]

    @classmethod
    def read_npz(cls, path: str | PathLike[str]) -> Self:
        """Reads the .npz that the evaluator writes, or one like it: np.savez of three arrays.

        `embeddings` are real numbers [N, D]; `identities` [N] and `keys` [N] are texts, or whole
        numbers, which are taken as texts. Nothing in the file is run: objects, which NumPy would
        have to unpickle, are refused.

        Raises:
          EvaluationError: it cannot be read, lacks an array, or they do not fit together.
        """
        try:
            arrays = _read_arrays(path)
            return cls(
                embeddings=arrays["embeddings"],
                identities=_texts(arrays, "identities"),
                keys=_texts(arrays, "keys"),
            )
        except (EvaluationError, *UNREADABLE) as error:
            raise EvaluationError(f"cannot read embeddings from {path}: {error}") from None


def _read_arrays(path: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise EvaluationError("it is no .npz, as np.savez writes it")
        file.seek(0)
        with np.load(file, allow_pickle=False) as content:
            if not set(_ARRAYS) <= set(content.files):
                raise EvaluationError(
                    f"it needs the arrays {', '.join(_ARRAYS)}. "
                    f"Received: {', '.join(content.files) or 'none'}"
                )
            return {name: np.asarray(content[name]) for name in _ARRAYS}


def _texts(arrays: Mapping[str, NDArray[Any]], name: str) -> list[str]:
    """The strings of an array [N] of texts, of UTF-8, or of whole numbers."""
    values = arrays[name]
    if values.ndim != 1 or values.dtype.kind not in "USiu":
        raise EvaluationError(
            f"{name} must be texts of shape [N]. Received: {values.dtype} of shape {values.shape}"
        )
    if values.dtype.kind == "S":
        return [value.decode() for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def draw_images(images: ImageSet, most: int, draw: Draw, seed: int) -> Int64:
    """Draws whole people with about `most` images in all; gives their images, ascending.

    People are taken in the order of a hash of their name, those with several images and those with
    one apart, each kind in its share of the images, so that the draw has genuine pairs as all
    images have. Of a person who has more than a tenth of `most`, as many images are drawn; with
    fewer people than that nobody else would be left. Neither the order of the images nor where
    they are stored changes the draw.

    Args:
      images: all of them are taken where they are no more than `most`.
      most: 20 or more.
      draw: what is drawn.
      seed: another seed gives another draw.
    """
    if len(images.keys) <= most:
        return np.arange(len(images.keys))
    by_person = _images_by_person(images, int(_MOST_OF_A_PERSON * most), draw, seed)
    share = most / sum(map(len, by_person.values()))
    order = shuffled(draw, seed, by_person)
    several = [by_person[person] for person in order if len(by_person[person]) > 1]
    single = [by_person[person] for person in order if len(by_person[person]) == 1]
    drawn = [image for kind in (several, single) for image in _taken(kind, share)]
    return np.sort(np.array(drawn, np.int64))


def _images_by_person(images: ImageSet, most: int, draw: Draw, seed: int) -> dict[str, list[int]]:
    """Person -> the images, or the first `most` of them by a hash of their keys."""
    by_person: dict[str, list[int]] = defaultdict(list)
    for image in shuffled_places(draw, seed, images.keys):
        by_person[images.identities[image]].append(image)
    return {person: found[:most] for person, found in by_person.items()}


def _taken(people: Sequence[Sequence[int]], share: float) -> list[int]:
    """The images of the first people, to a share of all images of them; of two people at least."""
    limit = share * sum(map(len, people))
    taken: list[int] = []
    for place, found in enumerate(people):
        if place >= 2 and len(taken) + len(found) > limit:  # two, who make an impostor pair
            break
        taken.extend(found)
    return taken

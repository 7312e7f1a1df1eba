"""Verification sets: listed pairs of images of their own, such as LFW, CFP-FP and AgeDB-30.

Their people are not those of the test split, and may be people whom the model was trained on: then
its figures flatter it. Who is in both is found by name, and by images that are equal to the pixel.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from biometrics.arrays import Float32
from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.errors import EvaluationError
from biometrics.protocols.base import ProtocolResult
from biometrics.protocols.pairs import Pairs, measure_listed
from biometrics.protocols.pairs_file import ListedPair, find_pairs
from biometrics.settings import ProtocolSettings
from groundfloor.text import shown_text

# What pairs of a set are of, in its messages.
USABLE_IMAGES = "usable images"
# As many people, images and reasons are named, and no more.
NAMED = 10
# In place of a digest, for what is told apart by nothing: an image of one plain colour.
PLAIN = b""


@dataclass(frozen=True)
class PairSet:
    """Pairs to compare.

    Attributes:
      title: what they are, a sentence.
      listed: the pairs.
      names_people: whether whoever gave the images said who is in them; else the pairs alone say.
      min_share: see `biometrics.protocols.pairs.Pairs`.
    """

    title: str
    listed: Sequence[ListedPair]
    names_people: bool = True
    min_share: float = Pairs.min_share


@dataclass(frozen=True, kw_only=True)
class SetImages:
    """The images that the pairs of a set name.

    Attributes:
      keys: of those that can be used, N of them.
      identities: the person in each, N of them; not looked at in a set that names nobody.
      embeddings: float32 [N, D], of the model that is measured.
      pictures: a digest of the pixels of each, as the network sees them, N of them; `PLAIN` where
        they are of one colour.
      unusable: the key of each of the others -> why it cannot be used.
    """

    keys: Sequence[str]
    identities: Sequence[str]
    embeddings: Float32
    pictures: Sequence[bytes]
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedOn:
    """The images that the model was trained on.

    Attributes:
      images: by name.
      pictures: a digest of the pixels of each, made as in `SetImages`.
    """

    images: ImageSet
    pictures: Sequence[bytes]


@dataclass(frozen=True)
class Leak:
    """What a set has in common with the images that the model was trained on.

    Attributes:
      people: of the training, who are in the set, sorted.
      same_name: how many of them have the name of somebody in the set.
      images: (key in the set, key in the training) of each image of the set that is equal to the
        pixel to one of the training.
      names_compared: whether the set names its people; else only equal images show anything.
    """

    people: Sequence[str] = ()
    same_name: int = 0
    images: Sequence[tuple[str, str]] = ()
    names_compared: bool = True

    def to_json(self) -> dict[str, Any]:
        """Its part of metrics.json, in which at most `NAMED` people and images are named."""
        return {
            "people": len(self.people),
            "names": list(self.people[:NAMED]),
            "same_name": self.same_name,
            "equal_images": len(self.images),
            "examples": [list(keys) for keys in self.images[:NAMED]],
            "names_compared": self.names_compared,
        }

    def remarks(self) -> Iterator[str]:
        """A sentence, if there is anybody."""
        if not self.people:
            return
        names = shown_text(", ".join(self.people[:NAMED]))
        more = len(self.people) - NAMED
        of_images = ""
        if self.images:
            of_images = (
                f" Images that are equal to the pixel to one of the training: {len(self.images):,},"
                f" such as {shown_text(' and '.join(self.images[0]))}."
            )
        yield (
            f"Leak: the model was trained on people of this set, which flatters it: "
            f"{len(self.people):,}, {names}{f' and {more:,} more' if more > 0 else ''}.{of_images}"
        )


@dataclass(frozen=True)
class SetResult(ProtocolResult):
    """The figures of a set.

    Attributes:
      unusable: the key of each image that cannot be used -> why.
      leak: what the set has in common with the training.
    """

    unusable: Mapping[str, str] = field(default_factory=dict)
    leak: Leak = field(default_factory=Leak)

    @classmethod
    def of(cls, result: ProtocolResult, unusable: Mapping[str, str], leak: Leak) -> Self:
        """A protocol's result, with what has to be said of the images beside."""
        values = {own.name: getattr(result, own.name) for own in fields(ProtocolResult)}
        values["counts"] = {**result.counts, "unusable_images": len(unusable)}
        values["remarks"] = [*leak.remarks(), *_remarks_on(unusable), *result.remarks]
        return cls(**values, unusable=unusable, leak=leak)

    def to_json(self) -> dict[str, Any]:
        """As of a protocol, and `unusable` (reason -> images, the `NAMED` most common) and `leak`.

        `leak` is as `Leak.to_json` gives it.
        """
        reasons = dict(Counter(self.unusable.values()).most_common(NAMED))
        return super().to_json() | {"unusable": reasons, "leak": self.leak.to_json()}


def measure_set(
    pairs: PairSet, images: SetImages, trained: TrainedOn | None, settings: ProtocolSettings
) -> SetResult:
    """Measures the pairs of a set as the protocol `pairs` does those of the test people.

    Pairs that lose an image are left out and counted, and so are the images. A set that cannot be
    measured has no figures, and a remark that says why.

    The intervals resample the people. Where nobody says who they are, images of a genuine pair and
    images that are equal to the pixel are of one person, and all others of different ones: somebody
    who is in several pairs with different images counts as several people.

    Args:
      pairs: of the set.
      images: that they name.
      trained: what the model was trained on; None: nobody knows, and no leak can be found.
      settings: how to measure.
    """
    leak = find_leak(pairs, images, trained) if trained else Leak(names_compared=False)
    try:
        result = _measured(pairs, images, settings)
    except EvaluationError as error:
        result = ProtocolResult.not_measured(error)
    return SetResult.of(result, images.unusable, leak)


def _measured(pairs: PairSet, images: SetImages, settings: ProtocolSettings) -> ProtocolResult:
    if len(images.keys) < 2:
        raise EvaluationError(
            f"the pairs need two images that can be used. Received: {len(images.keys)}"
        )
    people = images.identities if pairs.names_people else people_of_pairs(pairs.listed, images)
    embedded = EmbeddingSet(identities=people, keys=images.keys, embeddings=images.embeddings)
    found = find_pairs(pairs.listed, embedded, among=USABLE_IMAGES, says_who=pairs.names_people)
    return measure_listed(embedded, found, settings, pairs.title, pairs.min_share)


def people_of_pairs(listed: Sequence[ListedPair], images: SetImages) -> list[str]:
    """A name for the person in each image, as far as pairs and equal images tell.

    Args:
      listed: the pairs; those that show one person count.
      images: their keys and pictures.
    """
    place = {key: image for image, key in enumerate(images.keys)}
    first_of = {picture: image for image, picture in reversed(list(enumerate(images.pictures)))}
    links = [
        (image, first_of[picture])
        for image, picture in enumerate(images.pictures)
        if picture != PLAIN
    ]
    links += [
        (place[pair.first], place[pair.second])
        for pair in listed
        if pair.same and pair.first in place and pair.second in place
    ]
    ends = np.array(links, np.int64).reshape(-1, 2).T
    count = len(images.keys)
    graph = coo_matrix((np.ones(len(links)), (ends[0], ends[1])), shape=(count, count))
    return [f"person {one + 1}" for one in connected_components(graph, directed=False)[1]]


def find_leak(pairs: PairSet, images: SetImages, trained: TrainedOn) -> Leak:
    """Who of the training is in a set: by name, where it has names, or by an equal image."""
    theirs = trained.images
    same_name = set(images.identities) & set(theirs.identities) if pairs.names_people else set()
    wanted = set(images.pictures) - {PLAIN}
    equal: dict[bytes, int] = {}
    people = set(same_name)
    for place, picture in enumerate(trained.pictures):
        if picture in wanted:
            equal.setdefault(picture, place)
            people.add(theirs.identities[place])
    return Leak(
        people=sorted(people),
        same_name=len(same_name),
        images=[
            (key, theirs.keys[equal[picture]])
            for key, picture in zip(images.keys, images.pictures, strict=True)
            if picture in equal
        ],
        names_compared=pairs.names_people,
    )


def _remarks_on(unusable: Mapping[str, str]) -> Iterator[str]:
    """How many images cannot be used, and the most common reasons with an image of each."""
    if not unusable:
        return
    reasons = Counter(unusable.values()).most_common(3)
    first_of = {why: key for key, why in reversed(list(unusable.items()))}
    said = "; ".join(f"{times:,} x {why}, such as {first_of[why]}" for why, times in reasons)
    yield f"Images that cannot be used: {len(unusable):,}. {shown_text(said)}."

"""The images of a split, and a draw of people where all of them are too many."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Int64
from groundfloor.draws import Draw, rank, shuffled

# The share of the images drawn that may show one person.
_MOST_OF_A_PERSON = 0.1


@dataclass(frozen=True)
class SplitImages:
    """The images of a split, in an order of its own.

    Attributes:
      identities: the person in each image, N of them.
      keys: the name of each image, unique, N of them.
      pixels: gives some of the images, by their index: uint8 [K, H, W, C].
    """

    identities: Sequence[str]
    keys: Sequence[str]
    pixels: Callable[[Sequence[int]], np.ndarray]


def draw_images(images: SplitImages, most: int, draw: Draw, seed: int) -> Int64:
    """Draws whole people with about `most` images in all; gives their images, ascending.

    People are taken in the order of a hash of their name, those with several images and those with
    one apart, each kind in its share of the images, so that the draw has genuine pairs as all
    images have. Of a person who has more than a tenth of `most`, as many images are drawn; with
    fewer people than that nobody else would be left. Neither the order of the images nor where
    they are stored changes the draw.

    Args:
      images: of the split; all of them are taken where they are no more than `most`.
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


def _images_by_person(
    images: SplitImages, most: int, draw: Draw, seed: int
) -> dict[str, list[int]]:
    """Person -> the images, or the first `most` of them by a hash of their keys."""
    by_person: dict[str, list[int]] = defaultdict(list)
    for image in sorted(range(len(images.keys)), key=lambda i: rank(draw, seed, images.keys[i])):
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

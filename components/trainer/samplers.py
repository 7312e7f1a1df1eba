"""Which images come into which batch: pure functions of the labels, the seed and the epoch.

Each takes

  labels: int64 [N], of the training images;
  batch_size: B;
  seed: of the configuration;
  epoch: counted from 0;
  images_per_person: K, of `by_people` alone;

and returns int64 [steps, B], places in `labels`. The number of steps is that of `steps_per_epoch`
in every epoch, so that the number of a step says all about where in the order it is. There is no
TensorFlow here.
"""

from collections.abc import Callable, Mapping

import numpy as np

from groundfloor.draws import Draw, generator

Sampler = Callable[[np.ndarray, int, int, int, int], np.ndarray]


def steps_per_epoch(num_images: int, batch_size: int) -> int:
    """Whole batches that an epoch has: about one image drawn for each that there is."""
    return max(1, num_images // batch_size)


def by_image(
    labels: np.ndarray, batch_size: int, seed: int, epoch: int, images_per_person: int = 1
) -> np.ndarray:
    """Each image at most once an epoch; those left over after the last whole batch are others each.

    A batch of fewer images would spoil the statistics of batch normalisation. Fewer images than a
    batch are one batch.
    """
    steps = steps_per_epoch(len(labels), batch_size)
    order = _generator(seed, epoch).permutation(len(labels))
    return order[: steps * batch_size].reshape(steps, -1)


def by_people(
    labels: np.ndarray, batch_size: int, seed: int, epoch: int, images_per_person: int
) -> np.ndarray:
    """B / K different people in a batch, K images of each, side by side.

    People take turns, and so do the images of each; a person with fewer than K images has some of
    them in a batch twice. B must be a multiple of K, and there must be B / K people.
    """
    draws = _generator(seed, epoch)
    images = _ImagesOfPeople(labels, draws)
    people_per_batch = batch_size // images_per_person
    steps = steps_per_epoch(len(labels), batch_size)
    batches_per_round = images.num_people // people_per_batch
    rounds = -(-steps // batches_per_round)
    turns = _shuffled_people(images.num_people, rounds, draws)
    people = turns[:, : batches_per_round * people_per_batch].reshape(-1, people_per_batch)[:steps]
    round_of_step = np.arange(steps) // batches_per_round
    turn = round_of_step[:, None, None] * images_per_person + np.arange(images_per_person)
    return images.at(people[:, :, None], turn).reshape(steps, -1)


def balanced(
    labels: np.ndarray, batch_size: int, seed: int, epoch: int, images_per_person: int = 1
) -> np.ndarray:
    """Each person as often as any other, up to once; the images of each take turns.

    Fewer images than a batch are one batch, of so many draws.
    """
    draws = _generator(seed, epoch)
    images = _ImagesOfPeople(labels, draws)
    steps = steps_per_epoch(len(labels), batch_size)
    drawn = steps * min(batch_size, len(labels))
    rounds = -(-drawn // images.num_people)
    people = _shuffled_people(images.num_people, rounds, draws).reshape(-1)[:drawn]
    turn = np.arange(drawn) // images.num_people
    return images.at(people, turn).reshape(steps, -1)


SAMPLERS: Mapping[str, Sampler] = {"image": by_image, "people": by_people, "balanced": balanced}


class _ImagesOfPeople:
    """The images of each person, in an order drawn anew.

    Attributes:
      num_people: how many people have an image.
    """

    def __init__(self, labels: np.ndarray, draws: np.random.Generator):
        _, person, self._number = np.unique(labels, return_inverse=True, return_counts=True)
        self.num_people = len(self._number)
        self._places = np.lexsort((draws.random(len(labels)), person))
        self._first = np.cumsum(self._number) - self._number

    def at(self, people: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """The places of the people's images whose turn it is; after the last comes the first."""
        return self._places[self._first[people] + turn % self._number[people]]


def _shuffled_people(num_people: int, rounds: int, draws: np.random.Generator) -> np.ndarray:
    """int64 [rounds, people], each row in an order of its own."""
    return draws.permuted(np.tile(np.arange(num_people), (rounds, 1)), axis=1)


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return generator(Draw.TRAINING_ORDER, seed, str(epoch))

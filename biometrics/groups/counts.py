"""Pairs by the groups of their two images: counted, accepted, and how sure the rates are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Float32, Float64, Int64
from biometrics.engine.distances import block_distances, rows_at_a_time
from biometrics.engine.inputs import make_scorer
from biometrics.intervals.rates import Rate


@dataclass(frozen=True)
class Slice:
    """A column's groups.

    Attributes:
      names: of the groups, sorted, G of them.
      group: int64 [N], 0 .. G - 1, the group of each image.
    """

    names: list[str]
    group: Int64

    @classmethod
    def of(cls, values: Sequence[str]) -> "Slice":
        """Groups the images by their value."""
        names, group = np.unique(np.asarray(values), return_inverse=True)
        return cls(names.tolist(), group.astype(np.int64))

    def images(self, group: int) -> Int64:
        """The images of a group, ascending."""
        return np.flatnonzero(self.group == group)


@dataclass(frozen=True)
class GroupCounts:
    """Pairs by the groups of their two images, each pair once.

    Attributes:
      images: int64 [G].
      people: int64 [G], with an image in the group.
      impostor: int64 [G, G], symmetric; a pair of two groups is in both cells.
      false_accepts: int64 [G, G], of them accepted.
      genuine: int64 [G], pairs within the group.
      accepted: int64 [G], of them accepted.
      by_person: int64 [K, G], the images of each person in each group.
      accepts: float32 [N, G], the false accepts of each image with those of each group.
    """

    images: Int64
    people: Int64
    impostor: Int64
    false_accepts: Int64
    genuine: Int64
    accepted: Int64
    by_person: Int64
    accepts: Float32


def count_accepted(
    embeddings: Float32,
    person: Int64,
    slices: Sequence[Slice],
    threshold: float,
    distance: str,
) -> list[GroupCounts]:
    """Counts the pairs of each slice that are accepted; all slices in one pass over the pairs.

    Args:
      embeddings: real [N, D].
      person: int64 [N], 0 .. K - 1.
      slices: of the same images.
      threshold: rounded to float32, as the distances are.
      distance: `cosine` or `euclidean`.
    """
    images = len(person)
    scorer = make_scorer(embeddings, np.arange(images), distance)
    # Whether each image is in each group, of all the slices: counting is then a product. Sums stay
    # below 2^24 images, where float32 is exact.
    member = np.concatenate(
        [np.eye(len(one.names), dtype=np.float32)[one.group] for one in slices], axis=1
    )
    false = np.empty_like(member)
    true = np.empty_like(member)
    step = rows_at_a_time(images)
    for start in range(0, images, step):
        rows = slice(start, min(start + step, images))
        is_accepted = block_distances(scorer, rows, slice(0, images)) <= np.float32(threshold)
        is_mate = person[rows, None] == person
        # An image and itself are no pair.
        is_accepted[np.arange(rows.stop - start), np.arange(start, rows.stop)] = False
        false[rows] = (is_accepted & ~is_mate).astype(np.float32) @ member
        true[rows] = (is_accepted & is_mate).astype(np.float32) @ member
    counts, first = [], 0
    for one in slices:
        groups = slice(first, first + len(one.names))
        counts.append(_group_counts(one, person, false[:, groups], true[:, groups]))
        first += len(one.names)
    return counts


def _group_counts(slice_: Slice, person: Int64, false: Float32, true: Float32) -> GroupCounts:
    """Counts each pair once: those within a group came as (i, j) and as (j, i).

    false, true: float32 [N, G], the accepted pairs of each image with those of each group.
    """
    groups = len(slice_.names)
    cells = np.bincount(person * groups + slice_.group, minlength=(person.max() + 1) * groups)
    by_person = cells.reshape(-1, groups)
    images = by_person.sum(axis=0)
    of_one_person = by_person.T @ by_person
    accepted_impostor, accepted_genuine = (
        np.array(
            [accepts[slice_.images(group)].sum(axis=0, dtype=np.int64) for group in range(groups)]
        )
        for accepts in (false, true)
    )
    once = 1 + np.eye(groups, dtype=np.int64)
    return GroupCounts(
        images=images,
        people=np.count_nonzero(by_person, axis=0),
        impostor=(np.outer(images, images) - of_one_person) // once,
        false_accepts=accepted_impostor // once,
        genuine=(np.diag(of_one_person) - images) // 2,
        accepted=np.diag(accepted_genuine) // 2,
        by_person=by_person,
        accepts=false,
    )


def far_between(
    slice_: Slice, counts: GroupCounts, person: Int64, groups: tuple[int, int]
) -> Rate | None:
    """The FAR between two groups, or within one; None without such a pair.

    Its standard error is that of the jackknife over the people, which takes no resample: the rate
    is computed without each of the K people in turn, and the square of the standard error is
    (K - 1) times the variance of these rates (Efron, "The jackknife, the bootstrap and other
    resampling plans", 1982). Where somebody is in all pairs it does not show.

    Args:
      slice_: the groups.
      counts: `count_accepted` of the slice.
      person: int64 [N], 0 .. K - 1.
      groups: two of the slice's numbers, or one twice.
    """
    first, second = groups
    pairs, errors = int(counts.impostor[groups]), int(counts.false_accepts[groups])
    if not pairs:
        return None
    mistaken, involved = _of_each_person(slice_, counts, person, groups)
    others, error = pairs - involved, 0.0
    if others.all():
        without_each = (errors - mistaken) / others
        error = float(np.sqrt((len(involved) - 1) * np.var(without_each)))
    apart = min(counts.people[first], counts.people[second], len(involved) // 2)
    return Rate(errors / pairs, error, len(involved), int(apart), trials=pairs)


def _of_each_person(
    slice_: Slice, counts: GroupCounts, person: Int64, groups: tuple[int, int]
) -> tuple[Float64, Float64]:
    """The false accepts and the impostor pairs of each person who is in any, float64 [K] each."""
    first, second = groups
    people = len(counts.by_person)
    mistaken, involved = np.zeros(people), np.zeros(people)
    for own, other in dict.fromkeys([(first, second), (second, first)]):
        images = slice_.images(own)
        opposite = counts.images[other] - counts.by_person[person[images], other]
        mistaken += np.bincount(person[images], counts.accepts[images, other], people)
        involved += np.bincount(person[images], opposite, people)
    return mistaken[involved > 0], involved[involved > 0]

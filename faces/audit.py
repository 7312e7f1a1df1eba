"""Doubtful labels: images nearer to another person than to their own, and people with two names.

It goes by embeddings of the images, whoever made them, and by two kinds of likeness:

- *of an image to a person*: its cosine to the person's centre, the direction of the sum of that
  person's images. Its own person's centre is taken without the image itself (leave one out).
- *of two people*: the cosine of their centres, divided by what it would be if they were one person
  (Spearman's correction for attenuation, The American Journal of Psychology 15, 1904): the centre
  of few images is off the true one, so that even those of one person are not quite alike. Of `m`
  and `n` images, two of which have the cosine `r` where they are of one person, it would be
  `r * sqrt(m * n / ((1 + (m - 1) * r) * (1 + (n - 1) * r)))`; `r` is the median over the people.

Where likeness counts as doubtful follows from the data, by `median +- 3 * 1.4826 * MAD` (MAD: the
median of the distances to the median; Hampel's identifier, Davies and Gather, The Identification of
Multiple Outliers, 1993), which up to half of wrong values cannot move far:

- An image is a suspect if another person's centre is nearer to it than its own, by more than the
  upper limit of that margin among all images (where people are well apart that is below 0, and the
  nearer one decides); and if it is nearer to that centre than right images are to strangers: than
  the upper limit of theirs, or, if that is less, than half-way between the medians of right images
  to strangers and to their own. Where all others of its person are suspects there is no own
  centre, and only the latter is asked.
- Of an image that is the only one of its person nothing but the other centres is known: it is a
  suspect if it is as near to one of them as the median image is to its own. Nor is it anybody
  else's centre, which takes two images.
- Two people are taken for one where their likeness reaches the upper limit of strangers, and, if
  that leaves a gap, the middle of the gap to the lower limit of how alike the two halves of one
  person's images are. A stranger is whoever is second most like somebody: the most like may be that
  very person under another name. They are no others to each other's images.

A model sees the people whom it was trained with in another way than strangers. So images may be
given in groups, and the limits of images are then those of their group.

Wrong images pull their new person's centre away, so suspects are taken out of the centres, and all
is judged again until it stays the same. But where more than half of a name's images are suspected
to be of one other person, that name as a whole is compared with it first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundfloor.draws import Draw, generator
from groundfloor.errors import UserError

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Standard deviations of a normal distribution in its MAD, and how many of them are far.
_SCALE = 1.4826
_FAR = 3.0

# Similarities that are held at a time: 32 MB.
_CELLS = 2**23

# Judgements settle in two to four rounds; a few images may go on changing sides for ever.
_MAX_ROUNDS = 10

# Images from which on a group has limits of its own.
_GROUP = 30

# Instead of a cosine, where there is nobody to compare with.
_NOBODY = -2.0

# How far from 1 the length of an embedding may be.
_LENGTH_ROUNDING = 1e-3


@dataclass(frozen=True)
class Suspect:
    """An image whose label is doubtful.

    Attributes:
      index: its place among the embeddings.
      identity: whose it is said to be.
      suggested: whose centre is nearest to it.
      own: its cosine to its own person's centre; None where there is no such centre.
      other: its cosine to the centre of `suggested`.
    """

    index: int
    identity: str
    suggested: str
    own: float | None
    other: float

    @property
    def margin(self) -> float | None:
        """By how much the other centre is nearer; None where there is no own one."""
        return None if self.own is None else self.other - self.own


@dataclass(frozen=True)
class SamePeople:
    """Two names that look like one person.

    Attributes:
      first: a name.
      second: the other one, which comes later in their order.
      likeness: of the two, see above; about 1 for one person.
    """

    first: str
    second: str
    likeness: float


@dataclass(frozen=True)
class Limits:
    """From where on the images of a group were doubtful.

    Attributes:
      margin: above it, by how much another centre is nearer than the own one; at least 0.
      near: from it on, the cosine to the other centre.
      near_alone: the same for the only image of a person.
    """

    margin: float
    near: float
    near_alone: float


@dataclass(frozen=True)
class LabelAudit:
    """What an audit found.

    Attributes:
      suspects: the widest margin first; last those without one, the nearest first.
      same_people: the most alike first.
      limits: group -> by which the suspects were found.
      likeness: of two people, from which on they were taken for one.
      own: of each image its cosine to its own person's centre, without itself and the suspects;
        NaN where there is none. float32 [N].
    """

    suspects: list[Suspect]
    same_people: list[SamePeople]
    limits: dict[str, Limits]
    likeness: float
    own: Float32


def audit_labels(
    embeddings: Float32, identities: Sequence[str], groups: Sequence[str] | None = None
) -> LabelAudit:
    """Finds the labels that embeddings make doubtful; see above for how.

    Memory beyond the embeddings: a vector for each person, and blocks of bounded size.

    Args:
      embeddings: float32 [N, D], L2-normalised.
      identities: whose each image is said to be, [N].
      groups: which images have limits together, [N]; a group of fewer than 30 has those of all.
        None: all of them have.

    Raises:
      UserError: fewer than two people have two images or more; or an embedding is none.
    """
    _check(embeddings, identities)
    names, labels = np.unique(np.asarray(identities, object), return_inverse=True)
    several = np.count_nonzero(np.bincount(labels) >= 2)
    if several < 2:
        raise UserError(
            "labels are judged where two people or more have two images or more each. "
            f"Received: {several} of such people"
        )
    images = _Images(embeddings, labels, np.asarray(groups or [""] * len(labels), object))
    judged = _judge(images, _Doubts(np.zeros(len(labels), bool), labels))
    for _ in range(_MAX_ROUNDS):
        before, judged = judged, _judge(images, judged.doubts())
        if (before.suspect == judged.suspect).all():
            break
    return LabelAudit(
        suspects=_suspects(judged, labels, names),
        same_people=[
            SamePeople(names[first], names[second], likeness)
            for (first, second), likeness in judged.pairs.items()
        ],
        limits=judged.limits,
        likeness=judged.likeness,
        own=judged.near.own,
    )


def _check(embeddings: Float32, identities: Sequence[str]) -> None:
    if embeddings.ndim != 2 or len(embeddings) != len(identities):
        raise UserError(
            "an audit takes an embedding [N, D] for each of N identities. Received: "
            f"{embeddings.shape} for {len(identities)}"
        )
    lengths = np.sqrt(np.einsum("nd,nd->n", embeddings, embeddings))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_ROUNDING))  # so that NaN is wrong
    if wrong.size:
        raise UserError(
            f"{wrong.size} embeddings are not of length 1, the first at {wrong[0]}: "
            f"{lengths[wrong[0]]}"
        )


# --- One round of judging ---

_Pairs = dict[tuple[int, int], float]


@dataclass(frozen=True)
class _Images:
    """embeddings: float32 [N, D]; labels: int64 [N], numbers of people; groups: object [N]."""

    embeddings: Float32
    labels: Int64
    groups: NDArray[np.object_]


@dataclass(frozen=True)
class _Doubts:
    """suspect: bool [N]; suggested: int64 [N], the person to whom each of these seems to belong."""

    suspect: Bools
    suggested: Int64


@dataclass(frozen=True)
class _Near:
    """How near each image is, cosines: to its own centre (or NaN), and to the nearest other one.

    `own` and `other` are float32 [N]; `nearest`, the person of the latter, int64 [N].
    """

    own: Float32
    other: Float32
    nearest: Int64


@dataclass(frozen=True)
class _Judgement:
    suspect: Bools
    near: _Near
    limits: dict[str, Limits]
    pairs: _Pairs
    likeness: float

    def doubts(self) -> _Doubts:
        return _Doubts(self.suspect, self.near.nearest)


@dataclass(frozen=True)
class _Centres:
    """sums: float64 [K, D], of each person's images that count; counts: int64 [K], of these."""

    sums: Float64
    counts: Int64

    def directions(self) -> Float32:
        """The centres, float32 [K, D], of length 1; zeros for a person without an image."""
        return _normalised(self.sums).astype(np.float32)


def _judge(images: _Images, doubts: _Doubts) -> _Judgement:
    """All that can be said where suspects are left out of the centres."""
    likeness, pairs = _same_people(images, ~doubts.suspect | _leaning(images.labels, doubts))
    near = _look(images, ~doubts.suspect, pairs)
    limits = _limits(images.groups, near, ~doubts.suspect)
    suspect = np.zeros(len(images.labels), bool)
    is_single = np.bincount(images.labels)[images.labels] == 1
    for group, limit in limits.items():
        nearer = ~(near.other - near.own <= limit.margin) & (near.other >= limit.near)
        alone = near.other >= limit.near_alone
        suspect |= (images.groups == group) & np.where(is_single, alone, nearer)
    return _Judgement(suspect, near, limits, pairs, likeness)


def _leaning(labels: Int64, doubts: _Doubts) -> Bools:
    """The suspects that seem to belong where more than half of their name's images do."""
    towards = labels * (int(labels.max()) + 1) + doubts.suggested
    _, ways, counts = np.unique(towards[doubts.suspect], return_inverse=True, return_counts=True)
    together = counts[ways]
    images = np.bincount(labels)[labels[doubts.suspect]]
    leaning = np.zeros(len(labels), bool)
    leaning[doubts.suspect] = 2 * together > images
    return leaning


def _limits(groups: NDArray[np.object_], near: _Near, counted: Bools) -> dict[str, Limits]:
    """Of each group; images without an own centre, or without another one, have no part in it."""
    comparable = ~np.isnan(near.own) & (near.other > _NOBODY)
    limits = {}
    for group in np.unique(groups):
        chosen = comparable & (groups == group)
        if np.count_nonzero(chosen & counted) < _GROUP:
            chosen = comparable
        limits[group] = _limits_from(near, chosen, chosen & counted)
    return limits


def _limits_from(near: _Near, chosen: Bools, right: Bools) -> Limits:
    """The limits that follow from some images, of which some are right."""
    if not right.any():
        return Limits(np.inf, np.inf, np.inf)
    own, strangers = near.own[right], near.other[right]
    return Limits(
        margin=max(0.0, _upper((near.other - near.own)[chosen])),
        near=min(_upper(strangers), float(np.median(strangers) + np.median(own)) / 2),
        near_alone=float(np.median(own)),
    )


def _centres_of(images: _Images, counted: Bools) -> _Centres:
    people = int(images.labels.max()) + 1
    sums = np.zeros((people, images.embeddings.shape[1]))
    for rows in _blocks(len(images.labels), images.embeddings.shape[1]):
        kept = counted[rows]
        np.add.at(sums, images.labels[rows][kept], images.embeddings[rows][kept])
    return _Centres(sums, np.bincount(images.labels[counted], minlength=people))


def _look(images: _Images, counted: Bools, pairs: _Pairs) -> _Near:
    """How near each image is to its own centre, and to which other one it is nearest."""
    centres, excluded = _centres_of(images, counted), _excluded(pairs)
    directions, unsure = centres.directions(), centres.counts < 2
    own, other = (np.empty(len(images.labels), np.float32) for _ in range(2))
    nearest = np.empty(len(images.labels), np.int64)
    for rows in _blocks(len(images.labels), len(directions)):
        embeddings, labels = images.embeddings[rows], images.labels[rows]
        own[rows] = _own(embeddings, labels, counted[rows], centres)
        cosines = embeddings @ directions.T
        cosines[:, unsure] = _NOBODY
        for row, label in enumerate(labels):
            cosines[row, excluded.get(label, label)] = _NOBODY
        nearest[rows] = cosines.argmax(axis=1)
        other[rows] = cosines.max(axis=1)
    return _Near(own, other, nearest)


def _excluded(pairs: _Pairs) -> dict[int, list[int]]:
    """Of those who have another name: who is no other to them, themselves among these."""
    excluded: dict[int, list[int]] = {}
    for first, second in pairs:
        excluded.setdefault(first, [first]).append(second)
        excluded.setdefault(second, [second]).append(first)
    return excluded


def _own(embeddings: Float32, labels: Int64, counted: Bools, centres: _Centres) -> Float64:
    """Cosines to the own centre without the image itself, NaN where that is without images."""
    rest = centres.sums[labels] - embeddings * counted[:, np.newaxis]
    own = np.einsum("nd,nd->n", _normalised(rest), embeddings)
    own[centres.counts[labels] == counted] = np.nan
    return own


# --- People under two names ---


def _same_people(images: _Images, counted: Bools) -> tuple[float, _Pairs]:
    """The limit of likeness, and the pairs of people that reach it with theirs, most alike first.

    People of whom a single image counts, or none, have no part in it.
    """
    centres = _centres_of(images, counted)
    people = np.flatnonzero(centres.counts >= 2)
    if len(people) < 3:
        return np.inf, {}
    cosine = _cosine_of_two_images(centres, people)
    halves = _likeness_of_halves(images, counted, centres, cosine)
    best = np.empty((len(people), 2))
    for rows, likeness in _likeness_blocks(centres, people, cosine):
        best[rows] = np.partition(likeness, -2, axis=1)[:, -2:]
    strangers = _upper(best[:, 0])
    limit = max(strangers, (strangers + _lower(halves)) / 2)
    return limit, _pairs_from(limit, centres, people[best[:, 1] >= limit], cosine)


def _pairs_from(limit: float, centres: _Centres, people: Int64, cosine: float) -> _Pairs:
    found: _Pairs = {}
    for rows, likeness in _likeness_blocks(centres, people, cosine):
        for row, column in np.argwhere(likeness >= limit):
            first, second = people[rows][row], people[column]
            if first < second:
                found[int(first), int(second)] = float(likeness[row, column])
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _likeness_blocks(
    centres: _Centres, people: Int64, cosine: float
) -> Iterator[tuple[slice, Float64]]:
    """Rows of people, and their likeness to all of them, -inf to themselves: float64 [B, P]."""
    counts, directions = centres.counts[people], centres.directions()[people]
    for rows in _blocks(len(people), len(people)):
        expected = _expected(counts[rows, np.newaxis], counts, cosine)
        likeness = (directions[rows] @ directions.T) / expected
        np.fill_diagonal(likeness[:, rows], -np.inf)
        yield rows, likeness


def _cosine_of_two_images(centres: _Centres, people: Int64) -> float:
    """Of one person, the median over these people; above 0, as it has to be of any use."""
    counts = centres.counts[people]
    squares = np.einsum("kd,kd->k", centres.sums[people], centres.sums[people])
    # The square of a sum of n vectors of length 1 is n and twice each of their products.
    return float(np.clip(np.median((squares - counts) / (counts * (counts - 1))), 0.01, 1.0))


def _likeness_of_halves(
    images: _Images, counted: Bools, centres: _Centres, cosine: float
) -> Float64:
    """Of the two halves of each person's images, drawn, where there are two images or more."""
    half = _centres_of(images, counted & _drawn_halves(images.labels))
    rest = _Centres(centres.sums - half.sums, centres.counts - half.counts)
    people = np.flatnonzero((half.counts > 0) & (rest.counts > 0))
    cosines = np.einsum("kd,kd->k", half.directions()[people], rest.directions()[people])
    return cosines / _expected(half.counts[people], rest.counts[people], cosine)


def _drawn_halves(labels: Int64) -> Bools:
    """Every second one of each person's images, in a drawn order."""
    drawn = generator(Draw.AUDITED_HALVES, 0).permutation(len(labels))
    order = drawn[np.argsort(labels[drawn], kind="stable")]
    places = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    in_half = np.empty(len(labels), bool)
    in_half[order] = places % 2 == 0
    return in_half


def _expected(first: Int64, second: Int64, cosine: float) -> Float64:
    """The cosine of two centres, of so many images, if they are of one person; see above."""
    off = (1 + (first - 1) * cosine) * (1 + (second - 1) * cosine)
    return cosine * np.sqrt(first * second / off)


# --- Arithmetic ---


def _suspects(judged: _Judgement, labels: Int64, names: NDArray[np.object_]) -> list[Suspect]:
    near = judged.near
    found = [
        Suspect(
            index=int(index),
            identity=names[labels[index]],
            suggested=names[near.nearest[index]],
            own=None if np.isnan(near.own[index]) else float(near.own[index]),
            other=float(near.other[index]),
        )
        for index in np.flatnonzero(judged.suspect)
    ]
    return sorted(found, key=lambda one: (one.margin is None, -(one.margin or one.other)))


def _upper(values: NDArray[np.floating]) -> float:
    """The upper limit of what is not far from the others."""
    return float(np.median(values) + _deviation(values))


def _lower(values: NDArray[np.floating]) -> float:
    """The lower one."""
    return float(np.median(values) - _deviation(values))


def _deviation(values: NDArray[np.floating]) -> float:
    return _FAR * _SCALE * float(np.median(np.abs(values - np.median(values))))


def _normalised(vectors: Float64) -> Float64:
    """Of length 1, or zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """The rows of a matrix in blocks of at most `_CELLS` cells."""
    height = max(1, _CELLS // max(1, columns))
    for start in range(0, rows, height):
        yield slice(start, min(start + height, rows))

"""Figures by groups of people or images: by sex, by age band, by camera.

All groups are measured at one threshold, that of the whole test set, since that is how a system
runs. Differences between groups of impostors show in the cross-group FARs: images of one group
against those of another (as the FMRs of NIST IR 8280).
"""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evaluator.engine.arrays import Float32, Float64, Int64
from components.evaluator.engine.inputs import make_scorer
from components.evaluator.errors import EvaluationError
from components.evaluator.intervals import bootstrap_intervals
from components.evaluator.metrics import verification_metrics
from components.evaluator.pairs import score_pairs
from components.evaluator.protocols.distances import block_distances, rows_at_a_time
from components.evaluator.protocols.tables import Row, read_table

UNKNOWN = "unknown"
OTHER = "other"
# Groups of a column. Where it has more values, those with the fewest images make the group `other`.
MOST_GROUPS = 32


def read_attributes(
    text: str, identities: Sequence[str], keys: Sequence[str]
) -> dict[str, list[str]]:
    """Reads what is known of the people or the images.

    The table has a header and either a column `key`, and then describes images, or a column
    `identity`, and then people; a file with both describes images. Rows of others are not used.

    Args:
      text: CSV, or with tabs instead of commas.
      identities: the person in each image, N of them.
      keys: the name of each image, N of them.

    Returns:
      column -> the value for each image, N of them; "unknown" where there is no row or no value.

    Raises:
      EvaluationError: see `read_table`; neither column is there, no other column is, two rows
        contradict each other, or no row names anybody here.
    """
    header, rows = read_table(text, "attributes")
    joined = {"key": keys, "identity": identities}
    on = next((column for column in joined if column in header), None)
    columns = [column for column in header if column not in joined]
    if on is None or not columns:
        raise EvaluationError(
            "The attributes need a column identity or key, and one besides. "
            f"Received: {', '.join(header)}"
        )
    known = _rows_by_name(rows, on)
    if not known.keys() & set(joined[on]):
        raise EvaluationError(
            f"The attributes must be of the test set: their column {on} names nobody there. "
            f"Received: {', '.join(list(known)[:3])} ..., where the test set has {joined[on][0]}"
        )
    described = [known[name].cells if name in known else {} for name in joined[on]]
    return {column: [cells.get(column) or UNKNOWN for cells in described] for column in columns}


def _rows_by_name(rows: Sequence[Row], on: str) -> dict[str, Row]:
    known: dict[str, Row] = {}
    for row in rows:
        before = known.setdefault(row.cells[on], row)
        if before.cells != row.cells:
            raise EvaluationError(
                f"line {row.line} of the attributes: {row.cells[on]} has one row. "
                f"Received: another one than in line {before.line}"
            )
    return known


def choose_columns(
    attributes: Mapping[str, Sequence[str]], columns: Sequence[str]
) -> dict[str, list[str]]:
    """The columns asked for, each with at most 32 groups.

    Where a column has more values, the 31 with the most images stay (of equal ones the first by
    name), and all others become the group `other`.

    Raises:
      EvaluationError: there is no such column.
    """
    for column in columns:
        if column not in attributes:
            close = difflib.get_close_matches(column, attributes, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(attributes)}"
            raise EvaluationError(f"The attributes have no column {column!r} ({hint})")
    return {column: _pooled(attributes[column]) for column in columns}


def _pooled(values: Sequence[str]) -> list[str]:
    sizes = Counter(values)
    if len(sizes) <= MOST_GROUPS:
        return list(values)
    kept = sorted(sizes, key=lambda value: (-sizes[value], value))[: MOST_GROUPS - 1]
    return [value if value in kept else OTHER for value in values]


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


def scopes(columns: Mapping[str, Sequence[str]], identities: Sequence[str]) -> dict[str, Int64]:
    """The groups with genuine and impostor pairs: `<column>=<group>` -> their images, ascending."""
    people = np.asarray(identities)
    found = {}
    for column, values in columns.items():
        slice_ = Slice.of(values)
        for number, name in enumerate(slice_.names):
            images = slice_.images(number)
            sizes = np.unique(people[images], return_counts=True)[1]
            if len(sizes) > 1 and sizes.max() > 1:
                found[f"{column}={name}"] = images
    return found


def measure_slices(
    embeddings: Float32,
    identities: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    *,
    threshold: float,
    distance: str,
    seed: int,
) -> dict[str, Any]:
    """The part `slices` of metrics.json.

    A group's figures are those of the pairs of its images among themselves.

    Args:
      embeddings: real [N, D].
      identities: the person in each image, N of them.
      columns: column -> the group of each image; see `choose_columns`.
      threshold: a pair is accepted at this distance or below, in all groups.
      distance: `cosine` or `euclidean`.
      seed: of the intervals.

    Returns:
      column -> `threshold`; `groups`: group -> `counts`, `FAR`, `FRR` and `EER`, null where the
      group has no such pairs, and `intervals`, empty unless it has both kinds; `cross_far`:
      `groups` in order, and for each two of them the `FAR` of the impostor `pairs` with an image
      of either, null where there are none. Time is O(N^2 D), and memory that of a few blocks.

    Raises:
      EvaluationError: an embedding is zero under cosine, or not finite.
    """
    person = np.unique(np.asarray(identities), return_inverse=True)[1].astype(np.int64)
    slices = {column: Slice.of(values) for column, values in columns.items()}
    counted = count_accepted(embeddings, person, list(slices.values()), threshold, distance)

    def measure(images: Int64) -> dict[str, Any]:
        return _resampled(embeddings[images], person[images], threshold, distance, seed)

    measured = {}
    for (column, slice_), counts in zip(slices.items(), counted, strict=True):
        groups = {
            name: _group_json(counts, number) | measure(slice_.images(number))
            for number, name in enumerate(slice_.names)
        }
        measured[column] = {
            "groups": groups,
            "threshold": float(threshold),
            "cross_far": {
                "groups": slice_.names,
                "FAR": [
                    [_rate(*cell) for cell in zip(*row, strict=True)]
                    for row in zip(counts.false_accepts, counts.impostor, strict=True)
                ],
                "pairs": counts.impostor.tolist(),
            },
        }
    return measured


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
    """

    images: Int64
    people: Int64
    impostor: Int64
    false_accepts: Int64
    genuine: Int64
    accepted: Int64


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
    impostor = np.zeros((member.shape[1], member.shape[1]))
    genuine = np.zeros_like(impostor)
    step = rows_at_a_time(images)
    for start in range(0, images, step):
        rows = slice(start, min(start + step, images))
        is_accepted = block_distances(scorer, rows, slice(0, images)) <= np.float32(threshold)
        is_mate = person[rows, None] == person
        # An image and itself are no pair.
        is_accepted[np.arange(rows.stop - start), np.arange(start, rows.stop)] = False
        impostor += _by_group(is_accepted & ~is_mate, member, rows)
        genuine += _by_group(is_accepted & is_mate, member, rows)
    counts, first = [], 0
    for one in slices:
        groups = slice(first, first + len(one.names))
        counts.append(_group_counts(one, person, impostor[groups, groups], genuine[groups, groups]))
        first += len(one.names)
    return counts


def _by_group(is_counted: np.ndarray, member: Float32, rows: slice) -> Float64:
    """The cells counted, by the groups of their row and column; float64 [G, G]."""
    by_row = is_counted.astype(np.float32) @ member
    return member[rows].T.astype(np.float64) @ by_row


def _group_counts(
    slice_: Slice, person: Int64, accepted_impostor: Float64, accepted_genuine: Float64
) -> GroupCounts:
    """Counts each pair once: those within a group came as (i, j) and as (j, i)."""
    groups = len(slice_.names)
    cells = np.bincount(person * groups + slice_.group, minlength=(person.max() + 1) * groups)
    by_person = cells.reshape(-1, groups)
    images = by_person.sum(axis=0)
    of_one_person = by_person.T @ by_person
    once = 1 + np.eye(groups, dtype=np.int64)
    return GroupCounts(
        images=images,
        people=np.count_nonzero(by_person, axis=0),
        impostor=(np.outer(images, images) - of_one_person) // once,
        false_accepts=accepted_impostor.astype(np.int64) // once,
        genuine=(np.diag(of_one_person) - images) // 2,
        accepted=np.diag(accepted_genuine).astype(np.int64) // 2,
    )


def _group_json(counts: GroupCounts, group: int) -> dict[str, Any]:
    genuine, impostor = counts.genuine[group], counts.impostor[group, group]
    return {
        "counts": {
            "genuine_pairs": int(genuine),
            "impostor_pairs": int(impostor),
            "identities": int(counts.people[group]),
            "images": int(counts.images[group]),
        },
        "FAR": _rate(counts.false_accepts[group, group], impostor),
        "FRR": _rate(genuine - counts.accepted[group], genuine),
    }


def _rate(errors: np.int64, pairs: np.int64) -> float | None:
    return float(errors / pairs) if pairs else None


def _resampled(
    embeddings: Float32, person: Int64, threshold: float, distance: str, seed: int
) -> dict[str, Any]:
    """`EER` and `intervals` of a group; they need both kinds of pairs."""
    sizes = np.unique(person, return_counts=True)[1]
    if len(sizes) < 2 or sizes.max() < 2:
        return {"EER": None, "intervals": {}}
    pairs = score_pairs(embeddings, person, distance)
    intervals = bootstrap_intervals(pairs, threshold, fars=(), ranks=(), seed=seed)
    return {
        "EER": verification_metrics(pairs)["EER"],
        "intervals": {key: intervals[key] for key in ("FAR", "FRR", "EER")},
    }

"""Figures by groups of people or images: by sex, by age band, by camera.

All groups are measured at one threshold, that of the whole test set, since that is how a system
runs. Differences between groups of impostors show in the cross-group FARs: images of one group
against those of another (as the FMRs of NIST IR 8280).
"""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from biometrics.arrays import Float32, Int64
from biometrics.csv_table import Row, read_table
from biometrics.embeddings import ImageSet
from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import verification_metrics
from biometrics.groups.counts import GroupCounts, Slice, count_accepted, far_between
from biometrics.intervals.bootstrap import figure_intervals
from biometrics.intervals.rates import Rate
from biometrics.settings import BOOTSTRAP

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


def attributes_of(
    images: ImageSet, file: str | None, read: Callable[[str], str]
) -> dict[str, list[str]]:
    """Column -> the value for each image: of a table, or what the images say themselves.

    A column of the images that is empty throughout counts as none.

    Args:
      images: that are measured.
      file: see `SliceSettings`.
      read: gives the text of a file.

    Raises:
      EvaluationError: see `read_attributes`; or the file cannot be read.
    """
    if file is not None:
        return read_attributes(read(file), images.identities, images.keys)
    return {
        column: [value or UNKNOWN for value in values]
        for column, values in images.attributes.items()
        if any(values)
    }


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
            known = ", ".join(attributes) or "none"
            hint = f"did you mean {close[0]}?" if close else f"known: {known}"
            raise EvaluationError(f"The attributes have no column {column!r} ({hint})")
    return {column: _pooled(attributes[column]) for column in columns}


def _pooled(values: Sequence[str]) -> list[str]:
    sizes = Counter(values)
    if len(sizes) <= MOST_GROUPS:
        return list(values)
    kept = sorted(sizes, key=lambda value: (-sizes[value], value))[: MOST_GROUPS - 1]
    return [value if value in kept else OTHER for value in values]


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
    intervals: str = BOOTSTRAP,
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
      intervals: "bootstrap" or "clopper_pearson"; see `Rate.interval`.

    Returns:
      column -> `threshold`; `groups`: group -> `counts`, `FAR`, `FRR` and `EER`, null where the
      group has no such pairs, and `intervals` of those that it has; `cross_far`: `groups` in
      order, and for each two of them the `FAR` of the impostor `pairs` with an image of either and
      its interval in `intervals`, null where there are none. Time is O(N^2 D), and memory that of
      a few blocks.

    Raises:
      EvaluationError: an embedding is zero under cosine, or not finite.
    """
    person = np.unique(np.asarray(identities), return_inverse=True)[1].astype(np.int64)
    slices = {column: Slice.of(values) for column, values in columns.items()}
    counted = count_accepted(embeddings, person, list(slices.values()), threshold, distance)

    def resampled(images: Int64) -> dict[str, Any]:
        return _resampled(
            embeddings[images],
            person[images],
            threshold=threshold,
            distance=distance,
            seed=seed,
            method=intervals,
        )

    measured = {}
    for (column, slice_), counts in zip(slices.items(), counted, strict=True):
        cross_far = _cross_json(slice_, counts, person, intervals)
        groups = {}
        for number, name in enumerate(slice_.names):
            group = _group_json(counts, number) | resampled(slice_.images(number))
            limits = group["intervals"]
            if group["FRR"] is not None and not limits:
                limits["FRR"] = _frr_interval_of_one_person(group, intervals)
            far = limits.get("FAR") or cross_far["intervals"][number][number]
            if far:
                limits["FAR"] = cross_far["intervals"][number][number] = far
            groups[name] = group
        measured[column] = {
            "groups": groups,
            "threshold": float(threshold),
            "cross_far": cross_far,
        }
    return measured


def _cross_json(slice_: Slice, counts: GroupCounts, person: Int64, method: str) -> dict[str, Any]:
    numbers = range(len(slice_.names))
    limits = {
        cell: list(rate.interval(method)) if rate else None
        for cell in combinations_with_replacement(numbers, 2)
        for rate in [far_between(slice_, counts, person, cell)]
    }
    return {
        "groups": slice_.names,
        "FAR": [
            [_rate(*cell) for cell in zip(*row, strict=True)]
            for row in zip(counts.false_accepts, counts.impostor, strict=True)
        ],
        "pairs": counts.impostor.tolist(),
        "intervals": [
            [limits[min(row, column), max(row, column)] for column in numbers] for row in numbers
        ],
    }


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


def _frr_interval_of_one_person(group: Mapping[str, Any], method: str) -> list[float]:
    """Of a group with genuine pairs but no impostor pair; it says little of other people."""
    pairs = group["counts"]["genuine_pairs"]
    frr = Rate(group["FRR"], standard_error=0.0, people=1, independent=1, trials=pairs)
    return list(frr.interval(method))


def _rate(errors: np.int64, pairs: np.int64) -> float | None:
    return float(errors / pairs) if pairs else None


def _resampled(
    embeddings: Float32,
    person: Int64,
    *,
    threshold: float,
    distance: str,
    seed: int,
    method: str,
) -> dict[str, Any]:
    """`EER` and `intervals` of a group; they need both kinds of pairs."""
    sizes = np.unique(person, return_counts=True)[1]
    if len(sizes) < 2 or sizes.max() < 2:
        return {"EER": None, "intervals": {}}
    pairs = score_pairs(embeddings, person, distance)
    intervals = figure_intervals(pairs, threshold, fars=(), ranks=(), seed=seed, method=method)
    return {
        "EER": verification_metrics(pairs)["EER"],
        "intervals": {key: intervals[key] for key in ("FAR", "FRR", "EER")},
    }

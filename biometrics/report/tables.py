"""The tables of the report, from metrics.json; None, or empty, where there is nothing to show."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biometrics.figures.names import ONE_ENROLLED
from biometrics.report.data import ReportData
from biometrics.report.formats import PERCENT, target_of, target_percent
from biometrics.thresholds.pack import SUPPORTED, shortcoming

Interval = tuple[float, float]
Metrics = Mapping[str, Any]

# Rates at the threshold that makes them equal on these very people: no result to show.
TUNED_ON_THEMSELVES = ("FAR", "FRR")
# The largest groups of a slice that are shown, so that the page stays small and can be read.
MAX_GROUPS = 40
MAX_CROSSED_GROUPS = 12
DARKEST_SHADE = 0.6


@dataclass(frozen=True)
class Headline:
    """A figure that is shown large."""

    key: str
    name: str
    meaning: str


def headlines(metrics: Metrics) -> list[Headline]:
    """The figures shown large: how it decides, at a strict setting, and how it finds people."""
    shown = [
        Headline(
            "EER",
            "Equal error rate",
            "of the decisions are wrong when the threshold makes both kinds of error equally "
            f"frequent. Lower is better; guessing has 50{PERCENT}.",
        )
    ]
    supported = [key for key in metrics if key.startswith("TAR@FAR=")]
    if supported:
        strictest = min(supported, key=target_of)
        shown.append(
            Headline(
                strictest,
                "Accepted when strict",
                f"of the pairs of one person are accepted when at most {target_percent(strictest)} "
                "of the pairs of two people are. Higher is better.",
            )
        )
    if ONE_ENROLLED in metrics:
        shown.append(
            Headline(
                ONE_ENROLLED,
                "Found at once",
                "of the photos find their person first among one stored photo of each person. "
                "Higher is better.",
            )
        )
    return shown


@dataclass(frozen=True)
class FigureRow:
    """A metric: one value for each column, or None; `needed` where the data do not support it."""

    key: str
    better: str
    values: tuple[float | None, ...]
    best: float | None
    interval: Interval | None
    needed: int | None


def figure_rows(data: ReportData) -> list[FigureRow]:
    """The main table: the model's figures beside those of the comparisons."""
    columns = [data.metrics, *(comparison.metrics for comparison in data.comparisons.values())]
    are_alike = "baselines_sample" not in data.metrics  # else the columns are of other images
    rows = []
    for key in _ordered_keys(data.metrics):
        values = tuple(column.get(key) for column in columns)
        better = _better(key)
        known = [value for value in values if value is not None]
        is_contest = better and known and are_alike
        best = {"lower": min, "higher": max}[better](known) if is_contest else None
        interval = data.metrics["intervals"].get(key)
        needed = data.metrics["unsupported"].get(key)
        rows.append(FigureRow(key, better, values, best, interval, needed))
    return rows


def _ordered_keys(metrics: Metrics) -> list[str]:
    """EER and AUC, the true accept rates from loose to strict, the searches, the threshold last."""
    keys = [key for key, value in metrics.items() if isinstance(value, int | float)]
    rates = [key for key in [*keys, *metrics["unsupported"]] if key.startswith("TAR@FAR=")]
    rates.sort(key=target_of, reverse=True)
    searches = [key for key in keys if key.startswith("Rank-")]
    return ["EER", "AUC", *rates, *searches, "EER_threshold"]


def _better(key: str) -> str:
    if "threshold" in key:
        return ""
    return "lower" if key == "EER" else "higher"


@dataclass(frozen=True)
class RateRow:
    """An error rate: its value in [0, 1] or None, its interval, and the counts behind it."""

    value: float | None
    interval: Interval | None
    errors: int
    pairs: int


@dataclass(frozen=True)
class OperatingPointRow:
    """A threshold chosen on the dev people, and the errors there and on the test people.

    `shortcoming` says why it is provisional; it is empty for one that is supported.
    """

    name: str
    state: str
    shortcoming: str
    threshold: float
    interval: Interval | None
    rates: tuple[RateRow, ...]


def operating_points(metrics: Metrics) -> list[OperatingPointRow]:
    """One for each of `thresholds`; its rates are FAR and FRR of dev, then FAR and FRR of test."""
    return [
        OperatingPointRow(
            _operating_point_name(point["name"]),
            point["state"],
            ""
            if point["state"] == SUPPORTED
            else shortcoming(point["dev"]["identities"], point["people_needed"]),
            point["threshold"],
            point.get("interval"),
            tuple(rate for part in ("dev", "test") for rate in _error_rates(point[part])),
        )
        for point in metrics.get("thresholds", [])
    ]


def unsupported_points(metrics: Metrics) -> dict[str, Mapping[str, int]]:
    """Name of each operating point that the dev part says nothing of -> what it would need."""
    unsupported = metrics.get("unsupported_thresholds", {})
    return {_operating_point_name(key): needed for key, needed in unsupported.items()}


def _operating_point_name(key: str) -> str:
    return f"FAR at most {target_percent(key)}" if key.startswith("FAR=") else "Errors equal (EER)"


def _error_rates(part: Metrics) -> Iterator[RateRow]:
    for key, errors, pairs in (
        ("FAR", "false_accepts", "impostor_pairs"),
        ("FRR", "false_rejects", "genuine_pairs"),
    ):
        yield RateRow(part[key], part.get("intervals", {}).get(key), part[errors], part[pairs])


@dataclass(frozen=True)
class ProtocolTable:
    """The figures of one protocol or set: key, value, interval, what it needs if unsupported."""

    name: str
    description: str
    remarks: Sequence[str]
    counts: Mapping[str, int]
    rows: tuple[tuple[str, float | None, Interval | None, int | None], ...]


def protocol_tables(measured: Metrics) -> list[ProtocolTable]:
    """One for each of `protocols`, or of `verification`, in their order."""
    return [
        ProtocolTable(
            name,
            protocol.get("description", ""),
            protocol.get("remarks", ()),
            protocol.get("counts", {}),
            (
                *(
                    (key, value, protocol.get("intervals", {}).get(key), None)
                    for key, value in protocol["figures"].items()
                    if key not in TUNED_ON_THEMSELVES
                ),
                *(
                    (key, None, None, needed)
                    for key, needed in protocol.get("unsupported", {}).items()
                ),
            ),
        )
        for name, protocol in measured.items()
    ]


@dataclass(frozen=True)
class CrossedCell:
    """Impostor pairs of two groups.

    Attributes:
      far: the share accepted; None without pairs.
      interval: of the share.
      pairs: how many.
      shade: in [0, 1].
    """

    far: float | None
    interval: Interval | None
    pairs: int
    shade: float


@dataclass(frozen=True)
class SliceTable:
    """The groups of one column.

    Attributes:
      column: its name.
      threshold: at which FAR and FRR of all groups are given.
      groups: the largest ones, in their order: name -> body of metrics.json.
      left_out: how many groups are not shown.
      crossed: names of the largest groups; empty where there is no matrix.
      cells: one row of cells for each of `crossed`.
      crossed_left_out: how many groups the matrix does not show.
    """

    column: str
    threshold: float
    groups: Mapping[str, Metrics]
    left_out: int
    crossed: tuple[str, ...]
    cells: tuple[tuple[CrossedCell, ...], ...]
    crossed_left_out: int


def slice_tables(metrics: Metrics) -> list[SliceTable]:
    """One for each column of `slices` that has groups."""
    return [
        _slice_table(column, body)
        for column, body in metrics.get("slices", {}).items()
        if body["groups"]
    ]


def _slice_table(column: str, body: Metrics) -> SliceTable:
    groups = body["groups"]
    by_size = sorted(groups, key=lambda name: -groups[name]["counts"].get("images", 0))
    shown = set(by_size[:MAX_GROUPS])
    matrix = body.get("cross_far") or {"groups": []}
    largest = set(by_size[:MAX_CROSSED_GROUPS])
    places = [place for place, name in enumerate(matrix["groups"]) if name in largest]
    return SliceTable(
        column=column,
        threshold=body["threshold"],
        groups={name: group for name, group in groups.items() if name in shown},
        left_out=len(groups) - len(shown),
        crossed=tuple(matrix["groups"][place] for place in places),
        cells=_cells(matrix, places),
        crossed_left_out=len(matrix["groups"]) - len(places),
    )


def _cells(matrix: Metrics, places: list[int]) -> tuple[tuple[CrossedCell, ...], ...]:
    rates = {(row, col): matrix["FAR"][row][col] for row in places for col in places}
    most = max((rate for rate in rates.values() if rate), default=0)

    def cell(row: int, col: int) -> CrossedCell:
        rate = rates[row, col]
        # The root lets small rates be told apart that one large one would make equally pale.
        shade = DARKEST_SHADE * math.sqrt(rate / most) if rate else 0
        interval = matrix["intervals"][row][col]
        return CrossedCell(rate, interval, matrix["pairs"][row][col], shade)

    return tuple(tuple(cell(row, col) for col in places) for row in places)

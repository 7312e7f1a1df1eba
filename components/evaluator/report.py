"""The evaluation report: one HTML file that needs nothing else, for people and for printing."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.evaluator import plots
from components.evaluator.blessing import Blessing
from components.evaluator.curves import Curves
from components.evaluator.metrics import ONE_ENROLLED

TEMPLATES = Path(__file__).parent / "templates"
# Larger images are scaled down: forty of them have to stay a small file.
MAX_IMAGE_SIDE = 112
# What each column has at a threshold that it sets for itself, and so is not compared.
AT_OWN_THRESHOLD = ("FAR", "FRR", "EER_threshold")
PERCENT = "\N{NARROW NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Comparison:
    """Another way of telling the same pairs apart: a baseline or the previous blessed model.

    metrics: as from `metrics_json.evaluate_pairs`; curves: as from `curves.compute_curves`.
    """

    metrics: Mapping[str, Any]
    curves: Curves


@dataclass(frozen=True)
class ImagePair:
    """Two images that were compared.

    Attributes:
      pixels: two arrays, uint8 [H, W, C] with C of 1 or 3.
      keys: the two image keys.
      identities: the names of the people in them.
      distance: in the units of the report's distance.
    """

    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    keys: tuple[str, str]
    identities: tuple[str, str]
    distance: float


@dataclass(frozen=True)
class ReportData:
    """Everything the report shows.

    Attributes:
      title: what was evaluated, such as the name of the run.
      metrics: of the model, as from `metrics_json.evaluate_pairs`.
      curves: of the model.
      comparisons: name to baseline or previous model, in the order of the columns.
      blessing: the decision and its reasons.
      false_accepts: impostor pairs, nearest first.
      false_rejects: genuine pairs, farthest first.
      distance: the name of the distance.
      configuration: of the run; nested mappings of plain values.
      credit: whose data it is.
      provenance: name to value, shown under the title: date, run, model.
    """

    title: str
    metrics: Mapping[str, Any]
    curves: Curves
    comparisons: Mapping[str, Comparison]
    blessing: Blessing
    false_accepts: Sequence[ImagePair]
    false_rejects: Sequence[ImagePair]
    distance: str
    configuration: Mapping[str, Any]
    credit: str
    provenance: Mapping[str, str] = field(default_factory=dict)


def render_report(data: ReportData) -> str:
    """Renders the report as one HTML page without any reference to a network.

    All text is escaped: an identity named `<script>` is shown as these characters. The page
    forbids itself, by its content security policy, to load or run anything.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "figure": figure, "png": png_address}
    return environment.get_template("report.html.jinja").render(
        data=data,
        counts=data.metrics["counts"],
        headlines=_headlines(data.metrics),
        rows=_rows(data),
        unsupported=data.metrics["unsupported"],
        plots=_plots(data),
        settings=list(_flattened(data.configuration)),
    )


def percent(rate: float) -> str:
    """A rate in [0, 1] as per cent: one decimal, two near 0 and 1, none at 0 and 1 themselves."""
    distance_to_end = min(rate, 1 - rate)
    decimals = 0 if distance_to_end == 0 else 1 if distance_to_end >= 0.005 else 2
    return f"{100 * rate:.{decimals}f}{PERCENT}"


def figure(name: str, value: float) -> str:
    """A metric as the table shows it: rates in per cent, AUC and thresholds as numbers."""
    if name == "AUC":
        return f"{value:.4f}"
    return f"{value:.4g}" if name == "EER_threshold" else percent(value)


def png_address(pixels: NDArray[np.uint8]) -> str:
    """An image, uint8 [H, W, C] with C of 1 or 3, as a `data:image/png` address."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE))
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


@dataclass(frozen=True)
class _Headline:
    key: str
    name: str
    meaning: str


def _headlines(metrics: Mapping[str, Any]) -> list[_Headline]:
    """The figures shown large: how it decides, at a strict setting, and how it finds people."""
    supported = [key for key in metrics if key.startswith("TAR@FAR=")]
    strictest = min(supported, key=_far_of, default=None)
    headlines = [
        _Headline(
            "EER",
            "Equal error rate",
            "of the decisions are wrong when the threshold makes both kinds of error equally "
            "frequent. Lower is better; guessing has "
            f"50{PERCENT}.",
        ),
        _Headline(
            ONE_ENROLLED,
            "Found at once",
            "of the photos find their person first among one stored photo of each person. "
            "Higher is better.",
        ),
    ]
    if strictest:
        limit = _target(strictest)
        headlines.insert(
            1,
            _Headline(
                strictest,
                "Accepted when strict",
                f"of the pairs of one person are accepted when at most {limit} of the pairs of "
                "two people are. Higher is better.",
            ),
        )
    return headlines


def _far_of(key: str) -> float:
    return float(key.removeprefix("TAR@FAR="))


def _target(key: str) -> str:
    return f"{100 * _far_of(key):g}{PERCENT}"


@dataclass(frozen=True)
class _Row:
    """A line of the table: the metric, what it means, and one value for each column or None."""

    key: str
    name: str
    better: str
    values: tuple[float | None, ...]
    best: float | None
    interval: tuple[float, float] | None
    needed: int | None


def _rows(data: ReportData) -> list[_Row]:
    columns = [data.metrics, *(comparison.metrics for comparison in data.comparisons.values())]
    rows = []
    for key in _ordered_keys(data.metrics):
        values = tuple(column.get(key) for column in columns)
        better = _better(key)
        known = [value for value in values if value is not None]
        best = {"lower": min, "higher": max}[better](known) if better and known else None
        interval = data.metrics["intervals"].get(key)
        needed = data.metrics["unsupported"].get(key)
        rows.append(_Row(key, _name(key), better, values, best, interval, needed))
    return rows


def _ordered_keys(metrics: Mapping[str, Any]) -> list[str]:
    """EER and AUC, the true accept rates from loose to strict, the searches, and the rest last."""
    keys = [key for key, value in metrics.items() if isinstance(value, int | float)]
    rates = [key for key in [*keys, *metrics["unsupported"]] if key.startswith("TAR@FAR=")]
    rates.sort(key=_far_of, reverse=True)
    searches = [key for key in keys if key.startswith("Rank-")]
    return ["EER", "AUC", *rates, *searches, *AT_OWN_THRESHOLD]


def _better(key: str) -> str:
    if key in AT_OWN_THRESHOLD:
        return ""
    return "lower" if key == "EER" else "higher"


def _name(key: str) -> str:
    if key.startswith("TAR@FAR="):
        return f"True accept rate at a FAR of {_target(key)}"
    if key.startswith("Rank-"):
        return "One stored photo each" if key == ONE_ENROLLED else "Leave-one-out search"
    return {
        "FAR": "False accept rate at the EER threshold",
        "FRR": "False reject rate at the EER threshold",
        "EER": "Equal error rate",
        "EER_threshold": "Distance at which the errors balance",
        "AUC": "Area under the ROC curve",
    }[key]


def _plots(data: ReportData) -> dict[str, str]:
    others = {name: comparison.curves for name, comparison in data.comparisons.items()}
    return {
        "scores": plots.plot_scores(data.curves),
        "rates": plots.plot_rates(data.curves),
        "roc": plots.plot_roc(data.curves, others),
        "det": plots.plot_det(data.curves, others),
        "cmc": plots.plot_cmc(data.curves, others),
        "one_enrolled": plots.plot_with_intervals(_one_enrolled_rates(data)),
    }


def _one_enrolled_rates(data: ReportData) -> dict[str, tuple[float, float, float]]:
    columns = {"this model": data.metrics}
    columns |= {name: comparison.metrics for name, comparison in data.comparisons.items()}
    return {
        name: (metrics[ONE_ENROLLED], *metrics["intervals"][ONE_ENROLLED])
        for name, metrics in columns.items()
    }


def _flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "not set" if value in (None, "", [], {}) else str(value)

"""The evaluation report: one HTML file that needs nothing else, for people and for printing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from biometrics.figures.names import ONE_ENROLLED, is_known
from biometrics.report import formats, plots, tables
from biometrics.report.data import ReportData

TEMPLATES = Path(__file__).parent / "templates"


def render_report(data: ReportData) -> str:
    """Renders the report as one HTML page without any reference to a network.

    All text is escaped: an identity named `<script>` is shown as these characters. The page
    forbids itself, by its content security policy, to load or run anything. Sections without data
    are left out. The page stays small whatever the data: no image is in it but those of the worst
    pairs, curves are thinned, and of many groups only the largest are shown.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": formats.percent,
        "figure": formats.figure,
        "difference": formats.difference,
        "metric_name": formats.metric_name,
        "short": formats.short,
        "png": formats.png_address,
    }
    environment.tests["known"] = is_known
    page = environment.get_template("report.html.jinja").render(
        data=data,
        metrics=data.metrics,
        counts=data.metrics["counts"],
        sample=data.metrics.get("baselines_sample"),
        headlines=tables.headlines(data.metrics),
        rows=tables.figure_rows(data),
        points=tables.operating_points(data.metrics),
        unsupported_points=tables.unsupported_points(data.metrics),
        protocols=tables.protocol_tables(data.metrics.get("protocols", {})),
        sets=tables.protocol_tables(data.metrics.get("verification", {})),
        slices=tables.slice_tables(data.metrics),
        plots=_plots(data),
        protocol_plots=_protocol_plots(data.protocol_curves, data.metrics.get("protocols", {})),
        set_plots=_protocol_plots(data.set_curves, data.metrics.get("verification", {})),
        settings=list(_flattened(data.configuration)),
        sections=_sections(data),
    )
    # A name that is no valid text, as file names can be, must not keep the page from being saved.
    return page.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class _Section:
    """A part of the page; its template has the same name."""

    name: str
    title: str


def _sections(data: ReportData) -> list[_Section]:
    """The sections that have something to show, in their order."""
    metrics = data.metrics
    points = ("thresholds", "unsupported_thresholds", "thresholds_missing")
    sections = (
        ("figures", "The figures", True),
        ("gate", "Against the baselines and the latest model", metrics.get("gate")),
        ("operating_points", "Thresholds to deploy", any(map(metrics.get, points))),
        ("verification", "Telling two people apart", True),
        ("identification", "Finding a person", len(data.curves.cmc)),
        ("protocols", "Measured in other ways", metrics.get("protocols")),
        ("verification_sets", "Pairs of other images", metrics.get("verification")),
        ("exports", "The model in other formats", metrics.get("exports")),
        ("slices", "Group by group", metrics.get("slices") or metrics.get("slices_missing")),
        ("false_accepts", "Strangers the model finds most alike", data.false_accepts),
        ("false_rejects", "People the model recognises least", data.false_rejects),
        ("definitions", "Definitions", True),
        ("configuration", "Configuration", data.configuration),
    )
    return [_Section(name, title) for name, title, has_data in sections if has_data]


def _plots(data: ReportData) -> dict[str, str]:
    others = {name: comparison.curves for name, comparison in data.comparisons.items()}
    drawn = {
        "scores": plots.plot_scores(data.curves),
        "rates": plots.plot_rates(data.curves),
        "roc": plots.plot_roc(data.curves, others),
        "roc_log": plots.plot_roc_log(data.curves, others),
        "det": plots.plot_det(data.curves, others),
    }
    if len(data.curves.cmc):
        drawn["cmc"] = plots.plot_cmc(data.curves, others)
        drawn["one_enrolled"] = plots.plot_with_intervals(_one_enrolled_rates(data))
    if data.calibration is not None:
        distance, llr = (np.asarray(data.calibration[key]) for key in ("distance", "llr"))
        drawn["calibration"] = plots.plot_calibration(distance, llr)
    return drawn


def _one_enrolled_rates(data: ReportData) -> dict[str, tuple[float, float, float]]:
    columns = {"this model": data.metrics}
    columns |= {name: comparison.metrics for name, comparison in data.comparisons.items()}
    return {
        name: (metrics[ONE_ENROLLED], *metrics["intervals"][ONE_ENROLLED])
        for name, metrics in columns.items()
    }


def _protocol_plots(
    named: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Any]
) -> dict[str, list[tuple[str, str]]]:
    """Protocol or set -> (kind, picture) of each of its curves that can be drawn."""
    return {
        name: list(_drawn(curves.values())) for name, curves in named.items() if name in measured
    }


def _drawn(curves: Any) -> Iterator[tuple[str, str]]:
    for curve in curves:
        columns = {name: np.asarray(column) for name, column in curve.items()}
        if {"fpir", "fnir"} <= columns.keys():
            yield "open_set", plots.plot_open_set(columns["fpir"], columns["fnir"])
        elif {"far", "frr"} <= columns.keys():
            yield "det", plots.plot_verification(columns["far"], columns["frr"])
        elif {"rank", "rate"} <= columns.keys():
            yield "cmc", plots.plot_closed_set(columns["rank"], columns["rate"])


def _flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "not set" if value in (None, "", [], {}) else str(value)

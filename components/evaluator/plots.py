"""The figures of the report, as SVG images; no state is shared with other users of matplotlib.

Every function returns its figure as a `data:image/svg+xml` address, the same bytes for the same
data. `comparisons` maps a name to the curves of a baseline on the same pairs.
"""

import base64
import io
from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import NDArray
from scipy.stats import norm

from components.evaluator.curves import Curves

INK = "#1c2733"
MUTED = "#66727f"
GRID = "#e4e8ec"
MODEL = "#14385c"
# Told apart by people with any colour vision, and in grey print by their line style.
GENUINE = "#1f6f8b"
IMPOSTOR = "#c8622d"
COMPARISONS = (
    ("#c8622d", (0, (5, 2))),
    ("#7a8794", (0, (1.5, 1.5))),
    ("#3f8f6b", (0, (6, 2, 1, 2))),
)

FIGURE_INCHES = (4.8, 3.4)
# Rates that get a tick on the normal-deviate axes of the DET, which end a little above the last.
DET_TICKS = (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6)


def plot_scores(model: Curves) -> str:
    """The score histograms of genuine and impostor pairs, with the EER threshold marked."""
    figure, axes = _axes("Distance (smaller is more alike)", "Share of the pairs of each kind")
    for share, colour, name in (
        (model.genuine_share, GENUINE, "genuine: one person"),
        (model.impostor_share, IMPOSTOR, "impostor: two people"),
    ):
        axes.stairs(share, model.bin_edges, fill=True, color=colour, alpha=0.22)
        axes.stairs(share, model.bin_edges, color=colour, linewidth=1.6, label=name)
    top = max(model.genuine_share.max(), model.impostor_share.max())
    axes.set(ylim=(0, top * 1.15), xlim=(model.bin_edges[0], model.bin_edges[-1]))
    _mark_threshold(axes, model)
    _in_percent(axes.yaxis)
    _legend(axes)
    return _address(figure)


def plot_rates(model: Curves) -> str:
    """FAR and FRR by threshold, crossing at the EER."""
    figure, axes = _axes("Threshold (accept at or below it)", "Share of decisions that are wrong")
    for rate, colour, style, name in (
        (model.far, IMPOSTOR, "-", "FAR: strangers accepted"),
        (model.frr, GENUINE, (0, (6, 2)), "FRR: own person rejected"),
    ):
        axes.plot(model.thresholds, rate, color=colour, linestyle=style, linewidth=2, label=name)
    axes.set(xlim=(model.bin_edges[0], model.bin_edges[-1]), ylim=(0, 1.12))
    _mark_threshold(axes, model)
    axes.set_yticks(np.linspace(0, 1, 6))
    _in_percent(axes.yaxis)
    _legend(axes)
    return _address(figure)


def plot_roc(model: Curves, comparisons: Mapping[str, Curves]) -> str:
    """The receiver operating characteristic: true accept rate by FAR, on linear axes."""
    figure, axes = _axes("False accept rate (FAR)", "True accept rate (1 - FRR)")
    for curves, style in _styled(model, comparisons):
        axes.plot(np.append(0, curves.far), np.append(0, 1 - curves.frr), **style)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
    axes.plot(model.eer, 1 - model.eer, "o", color=MODEL, markersize=6, label="its EER")
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    _in_percent(axes.xaxis, axes.yaxis)
    _legend(axes)
    return _address(figure)


def plot_det(model: Curves, comparisons: Mapping[str, Curves]) -> str:
    """The detection error trade-off: FRR by FAR on normal-deviate axes (Martin et al., 1997)."""
    figure, axes = _axes("False accept rate (FAR)", "False reject rate (FRR)")
    rates = [0.005]
    for curves, style in _styled(model, comparisons):
        far, frr = _between_0_and_1(curves)
        axes.plot(norm.ppf(far), norm.ppf(frr), **style)
        rates.extend([*far, *frr])
    _set_deviate_axes(axes, min(rates))
    if not len(_between_0_and_1(model)[0]):
        axes.text(
            *(0.5, 0.5, "This model makes no error at some threshold:\nit has no curve here."),
            **{"color": MUTED, "ha": "center", "va": "center", "transform": axes.transAxes},
        )
    _legend(axes)
    return _address(figure)


def plot_cmc(model: Curves, comparisons: Mapping[str, Curves]) -> str:
    """The cumulative match characteristic: Rank-N by N, leave-one-out."""
    figure, axes = _axes("Rank", "Searches answered within that rank")
    for curves, style in _styled(model, comparisons):
        ranks = np.arange(1, len(curves.cmc) + 1)
        axes.plot(ranks, curves.cmc, drawstyle="steps-post", **style)
    room = max(1 - min(axes.dataLim.y0, 1), 0.02)
    axes.set(ylim=(max(0, 1 - 1.2 * room), 1 + 0.05 * room), xlim=(1, len(model.cmc)))
    axes.set_yticks([tick for tick in MaxNLocator(5).tick_values(*axes.get_ylim()) if tick <= 1])
    axes.set_ylim(max(0, 1 - 1.2 * room), 1 + 0.05 * room)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _in_percent(axes.yaxis)
    _legend(axes)
    return _address(figure)


def plot_with_intervals(rates: Mapping[str, tuple[float, float, float]]) -> str:
    """One rate of several models: a dot, and a line for its interval.

    Args:
      rates: name to (rate, low, high), each in [0, 1]; the first is the evaluated model.
    """
    figure, axes = _axes("Found at once, with the 95 % interval", "")
    for row, (rate, low, high) in enumerate(rates.values()):
        colour = MUTED if row else MODEL
        axes.plot([low, high], [row, row], color=colour, linewidth=3, alpha=0.35)
        axes.plot(rate, row, "o", color=colour, markersize=9)
        axes.annotate(
            f"{100 * rate:.1f}%", (rate, row), (0, 10), textcoords="offset points", ha="center",
            color=colour, fontsize=10,
        )  # fmt: skip
    axes.set_yticks(range(len(rates)), list(rates), color=INK, fontsize=10)
    axes.set(ylim=(len(rates) - 0.4, -0.7), xlim=(0, 1.04))
    axes.grid(visible=False, axis="y")
    _in_percent(axes.xaxis)
    return _address(figure)


def _axes(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=FIGURE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(xlabel, color=INK, fontsize=10)
    axes.set_ylabel(ylabel, color=INK, fontsize=10)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#b6bec6")
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _styled(
    model: Curves, comparisons: Mapping[str, Curves]
) -> Iterator[tuple[Curves, dict[str, Any]]]:
    """The curves with their line styles; the model lies above the others."""
    yield model, {"color": MODEL, "linewidth": 2.4, "label": "this model", "zorder": 3}
    for index, (name, curves) in enumerate(comparisons.items()):
        colour, dashes = COMPARISONS[index % len(COMPARISONS)]
        yield curves, {"color": colour, "linestyle": dashes, "linewidth": 1.4, "label": name}


def _legend(axes: Axes) -> None:
    """Above the axes, where no curve can run into it."""
    entries = len(axes.get_legend_handles_labels()[0])
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3 if entries <= 3 else 2, frameon=False,
        fontsize=9, borderaxespad=0.2, borderpad=0.2, columnspacing=1.3, handlelength=1.6,
        labelcolor=INK,
    )  # fmt: skip


def _in_percent(*axes: Axis) -> None:
    for axis in axes:
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{round(100 * rate, 6):g}%"))


def _mark_threshold(axes: Axes, model: Curves) -> None:
    threshold, (low, high) = model.eer_threshold, axes.get_xlim()
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    is_left = threshold < (low + high) / 2
    axes.annotate(
        f"EER threshold {threshold:.3g}", (threshold, 0.985), (5 if is_left else -5, 0),
        xycoords=("data", "axes fraction"), textcoords="offset points", color=INK, fontsize=9,
        va="top", ha="left" if is_left else "right",
    )  # fmt: skip


def _between_0_and_1(curves: Curves) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points that lie on normal-deviate axes, where 0 and 1 are infinitely far."""
    inside = (curves.far > 0) & (curves.far < 1) & (curves.frr > 0) & (curves.frr < 1)
    return curves.far[inside], curves.frr[inside]


def _set_deviate_axes(axes: Axes, lowest: float) -> None:
    """Sets the same limits and ticks, in normal deviates, on both axes, and the EER diagonal."""
    positions = norm.ppf([tick for tick in DET_TICKS if tick >= lowest / 1.5])
    limits = min(norm.ppf(lowest), positions[0]) - 0.1, positions[-1] + 0.15
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(positions))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * norm.cdf(x):.4g}%"))
    axes.set(xlim=limits, ylim=limits)
    axes.plot(limits, limits, color=MUTED, linewidth=0.8, linestyle=":")


def _address(figure: Figure) -> str:
    picture = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode("ascii")

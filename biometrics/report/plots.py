"""The figures of the report, as SVG images; no state is shared with other users of matplotlib.

Every function returns its figure as a `data:image/svg+xml` address, the same bytes for the same
data. `comparisons` maps a name to the curves of a baseline on the same pairs. Whatever the number
of points, at most about 500 of a curve are drawn.
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
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from biometrics.figures.curves import Curves, landmarks

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
    ("#8a5a9e", (0, (3, 1, 1, 1, 1, 1))),
    ("#a8842c", (0, (1, 3))),
)

FIGURE_INCHES = (4.8, 3.4)
# Rates that get a tick on the normal-deviate axes of the DET, which end a little above the last.
DET_TICKS = (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6)
# Ranks beyond these say little, and would hide the first ones.
MAX_RANK = 50
# A CMC that reaches 1 before this rank is drawn up to it.
SHORT_CMC = 10
MAX_LABEL = 22
# The least distance between two tick labels, in pixels at matplotlib's 100 to the inch.
LABEL_GAP = 3


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
        axes.plot(model.distances, rate, color=colour, linestyle=style, linewidth=2, label=name)
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
    axes.plot(model.eer, 1 - model.eer, "o", color=MODEL, markersize=6)
    axes.annotate(
        "EER", (model.eer, 1 - model.eer), (8, -5), textcoords="offset points", va="top",
        color=MODEL, fontsize=9, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02))
    _in_percent(axes.xaxis, axes.yaxis)
    _legend(axes)
    return _address(figure)


def plot_roc_log(model: Curves, comparisons: Mapping[str, Curves]) -> str:
    """The ROC with a logarithmic FAR axis, down to a single false accept among all pairs."""
    figure, axes = _axes("False accept rate (FAR), log scale", "True accept rate (1 - FRR)")
    lowest = 1 / model.impostor_pairs
    for curves, style in _styled(model, comparisons):
        # From the last point without a false accept on: a log axis has no place for the zeros.
        start = max(np.searchsorted(curves.far, 0, side="right") - 1, 0)
        far = np.maximum(curves.far[start:], lowest)
        axes.plot(far, 1 - curves.frr[start:], **style)
    unsupported = min(3 * lowest, 1)
    axes.axvspan(lowest, unsupported, color=MUTED, alpha=0.13, linewidth=0)
    axes.set_xscale("log")
    axes.set(xlim=(min(lowest, 0.5), 1), ylim=(0, 1.02))
    _log_percent(axes.xaxis)
    _in_percent(axes.yaxis)
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
            0.04, 0.05, "This model makes no error at some threshold:\nit has no curve here.",
            color=MUTED, fontsize=9, transform=axes.transAxes,
        )  # fmt: skip
    _legend(axes)
    return _address(figure)


def plot_cmc(model: Curves, comparisons: Mapping[str, Curves]) -> str:
    """The cumulative match characteristic: Rank-N by N, leave-one-out."""
    figure, axes = _axes("Rank", "Searches answered within that rank")
    for curves, style in _styled(model, comparisons):
        ranks = np.arange(1, len(curves.cmc) + 1)
        axes.plot(ranks, curves.cmc, drawstyle="steps-post", **style)
    _set_rank_axes(axes, len(model.cmc))
    _legend(axes)
    return _address(figure)


def plot_closed_set(rank: ArrayLike, rate: ArrayLike) -> str:
    """A protocol's CMC: the share `rate` [R] of searches answered within each `rank` [R], 1 up."""
    figure, axes = _axes("Rank", "Searches answered within that rank")
    ranks, rates = np.asarray(rank), np.asarray(rate)
    if len(rates) and rates[-1] == 1:  # it stays there
        ranks, rates = np.append(ranks, max(ranks[-1], SHORT_CMC)), np.append(rates, 1)
    is_shown = ranks <= MAX_RANK
    axes.plot(ranks[is_shown], rates[is_shown], drawstyle="steps-post", color=MODEL, linewidth=2.4)
    _set_rank_axes(axes, int(ranks[is_shown].max(initial=1)))
    return _address(figure)


def plot_open_set(fpir: ArrayLike, fnir: ArrayLike) -> str:
    """A protocol's FNIR by FPIR, both [P] in [0, 1]."""
    names = "Strangers who raise an alarm (FPIR)", "Known people missed (FNIR)"
    return _plot_trade_off(fpir, fnir, *names)


def plot_verification(far: ArrayLike, frr: ArrayLike) -> str:
    """A protocol's FRR by FAR, both [P] in [0, 1]."""
    return _plot_trade_off(far, frr, "False accept rate (FAR)", "False reject rate (FRR)")


def _plot_trade_off(accepted: ArrayLike, rejected: ArrayLike, xlabel: str, ylabel: str) -> str:
    """One error by the other; an axis is logarithmic where its rates span more than a decade."""
    figure, axes = _axes(xlabel, ylabel)
    x, y = np.asarray(accepted, np.float64), np.asarray(rejected, np.float64)
    is_log = [_spans_decades(x), _spans_decades(y)]
    is_drawn = ((x > 0) | (not is_log[0])) & ((y > 0) | (not is_log[1]))
    if is_drawn.sum() < 2:  # hardly any threshold with both errors: all lies on the axes
        is_log, is_drawn = [False, False], np.ones(len(x), bool)
    order = np.lexsort((-y[is_drawn], x[is_drawn]))
    shown = order[landmarks(len(order))] if len(order) else order
    x, y = x[is_drawn][shown], y[is_drawn][shown]
    axes.plot(x, y, color=MODEL, linewidth=2.4, clip_on=False)
    for name, axis, has_decades in zip("xy", (axes.xaxis, axes.yaxis), is_log, strict=True):
        if has_decades:
            axes.set(**{f"{name}scale": "log"})
            _log_percent(axis)
        else:
            axes.set(**{f"{name}lim": (0, None)})
            _in_percent(axis)
    return _address(figure)


def _spans_decades(rates: NDArray[np.float64]) -> bool:
    positive = rates[rates > 0]
    return len(positive) > 0 and positive.max() > 10 * positive.min()


def plot_calibration(distance: ArrayLike, llr: ArrayLike) -> str:
    """The log-likelihood ratio by distance, both [P]; where it is infinite it is not drawn."""
    figure, axes = _axes("Distance (smaller is more alike)", "Log-likelihood ratio (LLR)")
    x, y = np.asarray(distance, np.float64), np.asarray(llr, np.float64)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    shown = landmarks(len(x)) if len(x) else np.arange(0)
    axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    axes.plot(x[shown], y[shown], color=MODEL, linewidth=2.4)
    for place, name, side in ((0.97, "evidence for one person", "top"),
                              (0.03, "evidence for two people", "bottom")):  # fmt: skip
        axes.text(
            0.97 if side == "top" else 0.03, place, name, transform=axes.transAxes, va=side,
            ha="right" if side == "top" else "left", color=MUTED, fontsize=9,
        )  # fmt: skip
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
    axes.set_yticks(range(len(rates)), [_label(name) for name in rates], color=INK, fontsize=10)
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
        yield (
            curves,
            {"color": colour, "linestyle": dashes, "linewidth": 1.4, "label": _label(name)},
        )


def _legend(axes: Axes) -> None:
    """Above the axes, where no curve can run into it."""
    labels = axes.get_legend_handles_labels()[1]
    columns = 3 if len(labels) <= 3 and len("".join(labels)) <= 50 else 2
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False,
        fontsize=9, borderaxespad=0.2, borderpad=0.2, columnspacing=1.3, handlelength=1.6,
        labelcolor=INK,
    )  # fmt: skip


def _label(name: str) -> str:
    """A name as text: not as a formula, which `$` begins, nor left out, as `_` asks for."""
    shown = name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 1]}…"
    return " " * shown.startswith("_") + shown.replace("$", r"\$")


def _set_rank_axes(axes: Axes, last: int) -> None:
    """Rank 1 .. `last`, and rates from a little below the lowest drawn up to 1."""
    room = max(1 - min(axes.dataLim.y0, 1), 0.02)
    limits = max(0, 1 - 1.2 * room), 1 + 0.05 * room
    axes.set_yticks([tick for tick in MaxNLocator(5).tick_values(*limits) if tick <= 1])
    axes.set(ylim=limits, xlim=(1, max(last, 2)))
    # From 1 on, where an axis would begin its round ticks at 0 or 2.
    axes.set_xticks(np.arange(1, max(last, 2) + 1, -(-max(last, 2) // 10)))
    _in_percent(axes.yaxis)


def _log_percent(axis: Axis) -> None:
    low, high = axis.get_data_interval()
    # Over a few decades, ticks at 1, 10 and 100 alone would be too few to read from.
    steps = (1, 2, 5) if high < 100 * low else (1, 3) if high < 1000 * low else (1,)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_tick_percent))


def _tick_percent(rate: float, _: int) -> str:
    """Never as 1e-05%, which few can read."""
    return np.format_float_positional(100 * rate, precision=9, trim="-") + "%"


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


def hide_overlapping_labels(figure: Figure) -> None:
    """Hides tick labels that would run into their neighbour, from the greater values down."""
    figure.draw_without_rendering()  # only now is it known how wide the labels are
    for axes in figure.axes:
        for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
            boxes = [(label.get_window_extent(), label) for label in axis.get_ticklabels()]
            boxes.sort(key=lambda pair: -getattr(pair[0], high))
            end = np.inf
            for box, label in boxes:
                is_free = getattr(box, high) + LABEL_GAP <= end
                label.set_visible(is_free)
                end = getattr(box, low) if is_free and label.get_text() else end


def _address(figure: Figure) -> str:
    hide_overlapping_labels(figure)
    picture = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode("ascii")

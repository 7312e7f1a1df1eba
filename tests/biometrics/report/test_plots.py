"""The plots: what is drawn of the data, and that it can be read."""

from dataclasses import replace

import numpy as np
import pytest

from biometrics.baseline_study import THIS_MODEL_THERE
from biometrics.figures.baselines import BASELINES
from biometrics.gate import LATEST_BLESSED
from biometrics.report import plots
from biometrics.report.page import render_report


def test_each_comparison_that_there_can_be_has_a_line_style_of_its_own():
    others = (THIS_MODEL_THERE, *BASELINES, LATEST_BLESSED)
    assert len({dashes for _, dashes in plots.COMPARISONS}) >= len(others)


def test_a_legend_takes_names_that_matplotlib_would_read_as_markup(data):
    names = {"_hidden": data.curves, "$\\frac{$": data.curves, "x" * 500: data.curves}
    assert plots.plot_cmc(data.curves, names).startswith("data:image/svg+xml")


@pytest.mark.parametrize(
    ("fpir", "fnir"),
    [([0, 0], [0.5, 0.4]), ([0.5], [0.0]), ([1e-6, 1], [0, 0]), ([], [])],
)
def test_open_set_curves_with_hardly_a_point_can_be_shown(full, fpir, fnir):
    curves = {"open_set": {"open_set": {"fpir": fpir, "fnir": fnir}}}
    assert "Open-set search" in render_report(replace(full, protocol_curves=curves))


def points(figure):
    return figure.axes[0].lines[0].get_xydata()


@pytest.mark.usefixtures("figures")
def test_the_log_roc_goes_down_to_one_false_accept_and_marks_what_is_too_few(data):
    axes = plots.plot_roc_log(data.curves, {}).axes[0]
    far, tar = axes.lines[0].get_xydata().T
    assert far.min() == 1 / data.curves.impostor_pairs
    assert (far.max(), tar.max()) == (1, 1)
    is_measured = data.curves.far > 0
    np.testing.assert_array_equal(tar[-is_measured.sum() :], 1 - data.curves.frr[is_measured])
    (band,) = axes.patches
    np.testing.assert_allclose(
        band.get_extents().transformed(axes.transData.inverted()).x1, 3 / 448
    )


@pytest.mark.usefixtures("figures")
def test_rates_that_span_decades_are_on_log_axes_without_the_zeros():
    figure = plots.plot_open_set([0, 0.001, 0.1, 1], [0.5, 0.4, 0.3, 0.2])
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "linear")
    np.testing.assert_array_equal(points(figure), [[0.001, 0.4], [0.1, 0.3], [1, 0.2]])


@pytest.mark.usefixtures("figures")
def test_a_curve_without_a_threshold_of_both_errors_is_drawn_on_linear_axes():
    figure = plots.plot_verification([0, 0, 0.001, 1], [1, 0.001, 0, 0])
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("linear", "linear")
    np.testing.assert_array_equal(points(figure), [[0, 1], [0, 0.001], [0.001, 0], [1, 0]])


@pytest.mark.usefixtures("figures")
def test_a_cmc_that_is_1_goes_on_so_and_another_one_ends():
    np.testing.assert_array_equal(points(plots.plot_closed_set([1, 2], [0.9, 1]))[-1], [10, 1])
    np.testing.assert_array_equal(points(plots.plot_closed_set([1, 2], [0.9, 0.95]))[-1], [2, 0.95])


@pytest.mark.usefixtures("figures")
def test_a_curve_is_drawn_by_rising_fpir_whatever_its_order():
    figure = plots.plot_open_set([0.5, 0.25, 0.25], [0.25, 0.5, 0.75])
    np.testing.assert_array_equal(points(figure), [[0.25, 0.75], [0.25, 0.5], [0.5, 0.25]])


@pytest.mark.usefixtures("figures")
def test_curves_are_drawn_with_a_bounded_number_of_points():
    steps = np.linspace(0, 1, 10_000)
    assert len(points(plots.plot_open_set(steps, 1 - steps))) <= 512
    assert len(points(plots.plot_verification(steps, 1 - steps))) <= 512
    assert points(plots.plot_closed_set(np.arange(1, 10_001), steps))[-1][0] == plots.MAX_RANK


@pytest.mark.usefixtures("figures")
def test_an_infinite_llr_is_not_drawn():
    figure = plots.plot_calibration([0.0, 0.5, 1.0], [np.inf, 1.0, -1.0])
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_xydata(), [[0.5, 1.0], [1.0, -1.0]])


def visible_labels(axis):
    """The boxes of an axis' tick labels that are seen, in pixels."""
    return [
        label.get_window_extent()
        for label in axis.get_ticklabels()
        if label.get_visible() and label.get_text()
    ]


@pytest.mark.parametrize("lowest", [1e-1, 1e-2, 3e-4, 1e-5, 1e-7, 1e-9])
def test_tick_labels_never_run_into_each_other(figures, data, lowest):
    rates = np.geomspace(lowest, 1, 200)
    model = replace(data.curves, far=rates, frr=rates[::-1], thresholds=np.linspace(0, 2, 200))
    for figure in (
        plots.plot_open_set(rates, rates[::-1]),
        plots.plot_verification(rates, rates[::-1]),
        plots.plot_det(model, {}),
        plots.plot_roc_log(replace(model, impostor_pairs=round(1 / lowest)), {}),
    ):
        plots.hide_overlapping_labels(figure)
        (axes,) = figure.axes
        x_boxes, y_boxes = visible_labels(axes.xaxis), visible_labels(axes.yaxis)
        for boxes in (x_boxes, y_boxes):
            assert len(boxes) >= 2
            assert not any(
                one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place]
            )

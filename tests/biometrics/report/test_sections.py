"""What each section of the page says."""

import re
from dataclasses import replace

import pytest

from biometrics.report.formats import MINUS, percent
from biometrics.report.page import render_report
from biometrics.report.tables import MAX_CROSSED_GROUPS, MAX_GROUPS, slice_tables
from tests.biometrics.report.cases import EXTRA, image_pair, section_text, sliced, text_of


def test_the_table_has_every_metric_with_its_interval_beside_the_baselines(data, html):
    text = text_of(html)
    assert "This model raw pixels eigenfaces" in text
    for key in ("EER", "AUC", "TAR@FAR=1e-01", "Rank-1", "Rank-5", "EER threshold"):
        assert key in text
    low, high = data.metrics["intervals"]["EER"]
    assert f"{percent(low)} to {percent(high)}".replace("\u202f", " ") in text
    assert f"{data.comparisons['eigenfaces'].metrics['AUC']:.4f}" in text


def test_the_best_value_of_a_row_is_marked_and_thresholds_are_not_compared(html):
    cells = {
        re.search(r"<span>(.*?)</span>", row)[1]: re.findall(r'<td class="(.*?)"', row)
        for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
        if "<span>" in row
    }
    assert cells["EER"] == cells["AUC"] == ["own best", "", ""]
    assert cells["EER threshold"] == ["own", "", ""]


def test_far_and_frr_at_the_sets_own_threshold_are_no_result(data, html):
    rows = re.findall(r'<th scope="row"><span>(.*?)</span>', html)
    assert not {"FAR", "FRR"} & set(rows)
    far, frr = (percent(data.metrics[key]).replace("\u202f", " ") for key in ("FAR", "FRR"))
    assert f"FAR is {far} and FRR {frr}: about equal by construction" in text_of(html)


def test_an_unsupported_rate_is_listed_with_what_it_needs(html):
    assert "it takes 3,000 impostor pairs to measure so low a rate, and there are 448." in text_of(
        html
    )


@pytest.mark.usefixtures("undrawn")
def test_an_interval_that_spans_everything_is_not_known(data):
    wide = {"EER": [0.02, 0.97], "AUC": [0.06, 0.95]}
    metrics = dict(data.metrics) | {"intervals": dict(data.metrics["intervals"]) | wide}
    html = render_report(replace(data, metrics=metrics)).replace("\u202f", " ")
    assert "95 % interval not known: the test people are too few" in text_of(html)
    figures = section_text(html, "figures")
    assert re.search("Equal error rate; lower is better [0-9.]+ % interval not known", figures)
    assert "0.0600 to 0.9500" in figures


def test_counts_configuration_credit_and_provenance_are_shown(html):
    text = text_of(html)
    assert "32 images of 8 people" in text
    assert "48 pairs of one person" in text
    for part in ("data.seed 42", "data.input_dir not set", "evaluation.ranks [1, 5]"):
        assert part in text
    assert "Faces by a laboratory." in text
    assert "Model: 3f9c1e07" in text


def test_every_figure_is_followed_by_what_it_means(html):
    figures = re.findall(r"<figure.*?</figure>", html, re.DOTALL)
    assert len(figures) == 7
    for figure in figures:
        assert len(re.search(r"<figcaption>(.*?)</figcaption>", figure, re.DOTALL)[1]) > 80


@pytest.mark.usefixtures("undrawn")
def test_it_says_where_the_intervals_come_from(data):
    drawn_anew, as_independent = "drawing the people of the test split anew", "Clopper and Pearson"
    text = text_of(render_report(replace(data, configuration={"intervals": "bootstrap"})))
    assert drawn_anew in text
    assert as_independent not in text
    text = text_of(render_report(replace(data, configuration={"intervals": "clopper_pearson"})))
    assert drawn_anew not in text
    assert text.count(as_independent) == 2


@pytest.mark.usefixtures("undrawn")
def test_the_calibration_says_what_it_costs(full):
    text = section_text(render_report(full), "verification")
    assert "What a distance is worth" in text
    assert "is 0.125 bits" in text


@pytest.mark.usefixtures("undrawn")
def test_worst_pairs_say_whether_they_are_errors_at_the_threshold(data, html):
    assert "0.100 false accept anna and bert anna/1.png bert/1.png" in text_of(html)
    assert "1.500 false reject anna anna/1.png anna/1.png" in text_of(html)
    swapped = replace(data, false_accepts=[image_pair(1.9)], false_rejects=[image_pair(0.01)])
    assert "1.900 told apart" in text_of(render_report(swapped))
    assert "0.010 recognised" in text_of(render_report(swapped))


@pytest.mark.usefixtures("undrawn")
def test_worst_pairs_without_pictures_are_named_by_their_keys_and_the_page_says_why(data):
    shown, hidden = image_pair(0.1), replace(image_pair(0.1), pixels=None)
    html = render_report(replace(data, false_accepts=[hidden], false_rejects=[hidden]))
    for name in ("false_accepts", "false_rejects"):
        text = section_text(html, name)
        assert "The images are not at hand, so there are no pictures" in text
        assert "anna and bert anna/1.png bert/1.png" in text
    assert "data:image/png" not in html
    with_pictures = render_report(replace(data, false_accepts=[shown], false_rejects=[shown]))
    assert "not at hand" not in with_pictures
    assert with_pictures.count("data:image/png") == 4


@pytest.mark.usefixtures("undrawn")
def test_a_threshold_is_shown_with_dev_and_test_errors_intervals_and_counts(full):
    text = section_text(render_report(full), "operating_points").replace("\u202f", " ")
    assert "tuned on its own test set is not a result" in text
    assert "FAR at most 1 % supported 0.4125 0.375 to 0.4375" in text
    assert "1.0 % 10 of 1,000 15.5 % 31 of 200" in text  # dev
    assert "2.9 % 2.0 % to 4.0 % 29 of 1,000 26.0 % 20.0 % to 33.0 % 52 of 200" in text  # test
    needed = "Not given: it takes 46 dev people with 3,000 impostor pairs"
    assert f"FAR at most 0.1 % {needed}" in text


@pytest.mark.usefixtures("undrawn")
def test_a_provisional_threshold_is_called_that_with_what_it_lacks(full):
    (point,) = EXTRA["thresholds"]
    provisional = point | {"state": "provisional", "interval": None, "people_needed": 250}
    metrics = dict(full.metrics) | {"thresholds": [provisional]}
    text = section_text(render_report(replace(full, metrics=metrics)), "operating_points")
    people = point["dev"]["identities"]
    expected = f"provisional: {people} people chose it, and it takes 250 0.4125"
    assert expected in text.replace("\u202f", " ")


@pytest.mark.usefixtures("undrawn")
def test_why_there_are_no_thresholds_is_said(data):
    metrics = dict(data.metrics) | {"thresholds": [], "thresholds_missing": "there is one person"}
    text = section_text(render_report(replace(data, metrics=metrics)), "operating_points")
    assert "There are none here: there is one person." in text


@pytest.mark.usefixtures("undrawn")
def test_a_protocol_has_its_figures_counts_description_and_curves(full):
    html = render_report(full)
    text = section_text(html, "protocols").replace("\u202f", " ")
    for part in (
        "Half of the people are strangers.",
        "Two pairs are <left> out.",
        "31.2 % 25.0 % to 37.5 %",
        "it takes 3,000 searches by strangers",
        "480 mated searches, 500 non-mated searches",
    ):
        assert part in text
    drawn = ["Open-set search", "Closed-set search", "Errors against each other"]
    assert [title for title in drawn if title in text] == drawn
    assert html.count("<figure") == 7 + 1 + 3  # calibration, and three of the four curves


@pytest.mark.usefixtures("undrawn")
def test_a_slice_has_its_groups_and_the_false_accepts_between_them(full):
    html = render_report(full)
    text = section_text(html, "slices").replace("\u202f", " ")
    assert "By hair" in text
    assert "dark 2.0 % 12.5 % 6.2 % to 25.0 % \u2013 2 10 45 90" in text
    assert "at the distance 0.41" in text
    cell = "6.2 % 3.1 % to 12.5 % 90 pairs"
    assert f"dark {cell} \u2013 fair \u2013 {cell}" in text
    shades = re.findall(r"rgba\(200, 98, 45, (.*?)\)", html)
    assert shades == ["0.60", "0.00", "0.00", "0.60"]


@pytest.mark.usefixtures("undrawn")
def test_of_many_groups_the_largest_are_shown_and_the_others_counted(full):
    names = [f"group {place}" for place in range(100)]
    metrics = dict(full.metrics) | {"slices": {"hair": sliced(names)}}
    (table,) = slice_tables(metrics)
    assert list(table.groups) == names[-MAX_GROUPS:]
    assert list(table.crossed) == names[-MAX_CROSSED_GROUPS:]
    assert [cell.far for cell in table.cells[0]] == [0.0625] + [None] * (MAX_CROSSED_GROUPS - 1)
    text = section_text(render_report(replace(full, metrics=metrics)), "slices")
    assert f"{100 - MAX_GROUPS} smaller groups are only in metrics.json" in text
    assert f"{100 - MAX_CROSSED_GROUPS} smaller groups are only in metrics.json" in text


@pytest.mark.usefixtures("undrawn")
def test_the_gate_shows_each_difference_with_its_interval_and_verdict(full):
    text = section_text(render_report(full), "gate").replace("\u202f", " ")
    assert (
        "latest blessed model All test images EER 5.0 % 6.2 % \u22121.25 \u22122.00 to +0.50 passed"
    ) in text
    assert "latest blessed model hair=fair FRR 12.5 % 10.0 % +2.50 failed" in text
    assert (
        "raw pixels All test images EER 5.0 % 25.0 % \u221220.00 interval not known passed" in text
    )


@pytest.mark.usefixtures("undrawn")
def test_baselines_of_a_sample_are_said_to_be_that_and_are_in_no_contest(full):
    sample = {"identities": 812, "images": 5003}
    html = render_report(replace(full, metrics=dict(full.metrics) | {"baselines_sample": sample}))
    figures = section_text(html, "figures")
    assert "measured on 5,003 images of 812 people, drawn from the test split" in figures
    assert 'class="own best"' not in html
    assert "raw pixels 5,003 images of 812 people, drawn EER" in section_text(html, "gate")
    assert "latest blessed model All test images" in section_text(html, "gate")


@pytest.mark.usefixtures("undrawn")
def test_a_baseline_that_could_not_be_measured_is_named_with_the_reason(data):
    missing = {"eigenfaces": "they are all the same"}
    html = render_report(replace(data, metrics=dict(data.metrics) | {"baselines_missing": missing}))
    figures = section_text(html, "figures")
    assert "There are no figures of eigenfaces : they are all the same." in figures


@pytest.mark.usefixtures("undrawn")
def test_other_formats_of_the_model_have_a_section_where_there_are_any(data):
    figure = {"model": 0.95, "export": 0.94, "interval": [-0.02, 0.001]}
    exports = {
        "onnx": {"passed": True, "reason": "", "bytes": 2330681}
        | {"least_cosine": 0.9999998, "mean_cosine": 1.0, "farthest": 3e-7},
        "litert": {"passed": False, "reason": "it was not made: <no> such thing", "bytes": 0},
        "onnx_int8": {"passed": True, "reason": "", "bytes": 7, "figures": {"AUC": figure}}
        | {"least_cosine": 0.998, "mean_cosine": 0.999, "farthest": 0.05},
    }
    html = render_report(replace(data, metrics=dict(data.metrics) | {"exports": exports}))
    text = section_text(html, "exports")
    assert "onnx 2,330,681 0.9999998" in text
    assert "no it was not made: <no> such thing" in text
    assert "What int8 costs: onnx_int8" in text
    assert f"AUC 0.9500 0.9400 {MINUS}0.0100 {MINUS}0.0200 to +0.0010" in text
    assert "<no>" not in html
    assert "other formats" not in render_report(data)

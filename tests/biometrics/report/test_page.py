"""The report: complete, self-contained, and safe whatever the people are called."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from biometrics.baseline_study import THIS_MODEL_THERE
from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.baselines import BASELINES
from biometrics.figures.curves import compute_curves
from biometrics.gate import LATEST_BLESSED, Blessing
from biometrics.protocols.metrics_json import evaluate_pairs
from biometrics.report import plots
from biometrics.report.data import Comparison, ImagePair, ReportData
from biometrics.report.formats import difference, percent, png_address, short
from biometrics.report.page import render_report
from biometrics.report.tables import (
    MAX_CROSSED_GROUPS,
    MAX_GROUPS,
    operating_points,
    protocol_tables,
    slice_tables,
)


def evaluated(spread, people=8):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), 4)
    embeddings = rng.normal(size=(people, 6))[labels] + spread * rng.normal(size=(len(labels), 6))
    pairs = score_pairs(embeddings, labels)
    metrics = evaluate_pairs(pairs, target_fars=[0.1, 0.01, 0.001], ranks=[1, 5], seed=0)
    return Comparison(metrics, compute_curves(pairs))


def image_pair(distance=0.3, names=("anna", "bert"), size=16, channels=3):
    pixels = np.random.default_rng(1).integers(0, 256, (2, size, size, channels), np.uint8)
    keys = tuple(f"{name}/1.png" for name in names)
    return ImagePair((pixels[0], pixels[1]), keys, names, distance)


@pytest.fixture(scope="module")
def data():
    model = evaluated(spread=0.8)
    return ReportData(
        title="A run",
        metrics=model.metrics,
        curves=model.curves,
        comparisons={"raw pixels": evaluated(1.5), "eigenfaces": evaluated(1.2)},
        blessing=Blessing(False, ("EER is 0.2 and fails: at most 0.1 is required.",)),
        false_accepts=[image_pair(0.1)],
        false_rejects=[image_pair(1.5, ("anna", "anna"))],
        distance="cosine",
        configuration={"data": {"seed": 42, "input_dir": None}, "evaluation": {"ranks": [1, 5]}},
        credit="Faces by a laboratory.",
        provenance={"Model": "3f9c1e07"},
    )


@pytest.fixture
def undrawn(monkeypatch):
    """Leaves out the drawing, which takes most of the time, where a test looks at words alone."""
    monkeypatch.setattr(plots, "_address", lambda figure: "data:image/svg+xml;base64,")


@pytest.fixture(scope="module")
def html(data):
    return render_report(data)


def measured(false_accepts, false_rejects, intervals=None):
    return {
        "FAR": false_accepts / 1000,
        "FRR": false_rejects / 200,
        "genuine_pairs": 200,
        "impostor_pairs": 1000,
        "false_accepts": false_accepts,
        "false_rejects": false_rejects,
        "identities": 5,
        "images": 50,
    } | ({"intervals": intervals} if intervals else {})


def group(far=0.02, images=10):
    return {
        "counts": {"genuine_pairs": 45, "impostor_pairs": 90, "identities": 2, "images": images},
        "FAR": far,
        "FRR": 0.125,
        "EER": None,
        "intervals": {"FRR": [0.0625, 0.25]},
    }


def sliced(names, images=10):
    return {
        "groups": {name: group(images=images + place) for place, name in enumerate(names)},
        "threshold": 0.41,
        "cross_far": {
            "groups": list(names),
            "FAR": [[0.0625 if row == col else None for col in names] for row in names],
            "pairs": [[90 if row == col else 0 for col in names] for row in names],
            "intervals": [
                [[0.03125, 0.125] if row == col else None for col in names] for row in names
            ],
        },
    }


EXTRA = {
    "thresholds": [
        {
            "name": "FAR=1e-02",
            "target_far": 0.01,
            "threshold": 0.4125,
            "interval": [0.375, 0.4375],
            "state": "supported",
            "people_needed": 25,
            "dev": measured(10, 31),
            "test": measured(29, 52, {"FAR": [0.02, 0.04], "FRR": [0.2, 0.33]}),
        }
    ],
    "unsupported_thresholds": {"FAR=1e-03": {"impostor_pairs": 3000, "people": 46}},
    "protocols": {
        "open_set": {
            "figures": {"FNIR@FPIR=1e-02": 0.3125},
            "intervals": {"FNIR@FPIR=1e-02": [0.25, 0.375]},
            "counts": {"mated_searches": 480, "non_mated_searches": 500},
            "unsupported": {"FNIR@FPIR=1e-03": 3000},
            "description": "Half of the people are strangers.",
            "remarks": ["Two pairs are <left> out."],
        }
    },
    "slices": {"hair": sliced(["dark", "fair"])},
    "gate": {
        "raw pixels": {
            "against": "raw pixels",
            "metric": "EER",
            "candidate": 0.05,
            "baseline": 0.25,
            "difference": -0.2,
            "interval": [-1.0, 0.9],
            "passed": True,
        },
        "overall": {
            "against": "latest blessed model",
            "metric": "EER",
            "candidate": 0.05,
            "baseline": 0.0625,
            "difference": -0.0125,
            "interval": [-0.02, 0.005],
            "passed": True,
        },
        "hair=fair": {
            "against": "latest blessed model",
            "metric": "FRR",
            "candidate": 0.125,
            "baseline": 0.1,
            "difference": 0.025,
            "interval": None,
            "passed": False,
        },
    },
    "calibration": {"method": "logistic", "Cllr": 0.125},
}
PROTOCOL_CURVES = {
    "open_set": {
        "open_set": {"threshold": [0.1, 0.2, 0.3], "fpir": [0, 0.01, 0.5], "fnir": [0.9, 0.4, 0.1]},
        "cmc": {"rank": [1, 2], "rate": [0.5, 1.0]},
        "det": {"threshold": [0.1, 0.2], "far": [0.0, 0.5], "frr": [0.5, 0.0]},
        "folds": {"fold": [1, 2], "accuracy": [0.9, 0.8]},
    }
}


@pytest.fixture(scope="module")
def full(data):
    """A report with every section."""
    return replace(
        data,
        metrics=dict(data.metrics) | EXTRA,
        protocol_curves=PROTOCOL_CURVES,
        calibration={"distance": [0.1, 0.5, 1.0], "llr": [3.0, 0.0, -np.inf]},
    )


class Page(HTMLParser):
    """Collects the tags with their attributes, and the pieces of text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.text.append(data)


def text_of(html):
    return " ".join(" ".join(Page(html).text).split())


def test_the_page_loads_nothing_and_forbids_itself_to(html):
    tags = Page(html).tags
    addresses = [
        value for _, attrs in tags for key, value in attrs.items() if key in ("src", "href")
    ]
    pictures = [address for address in addresses if not address.startswith("#")]
    assert len(pictures) == 7 + 4  # plots, and two images a pair
    assert all(address.startswith("data:image/") for address in pictures)
    assert "script" not in {tag for tag, _ in tags}
    assert not re.search(r"url\(|@import|https?:", re.sub(r'src="[^"]*"', "", html))
    policies = [attrs["content"] for _, attrs in tags if "http-equiv" in attrs]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@pytest.mark.usefixtures("undrawn")
def test_names_from_the_data_are_text_and_never_markup(data):
    name = "<script>alert('x')</script>"
    html = render_report(
        replace(
            data,
            title=name,
            credit=name,
            blessing=Blessing(True, (name,)),
            comparisons={name: data.comparisons["raw pixels"]},
            false_accepts=[image_pair(names=(name, '"><img src=x onerror=y>'))],
            configuration={name: name},
            provenance={name: name},
        )
    )
    assert "<script" not in html
    assert "<img src=x" not in html
    assert name in text_of(html)


@pytest.mark.usefixtures("undrawn")
def test_the_headline_says_whether_the_model_is_blessed_and_why(data, html):
    assert "Not blessed" in text_of(html)
    assert "EER is 0.2 and fails: at most 0.1 is required." in text_of(html)
    blessed = text_of(render_report(replace(data, blessing=Blessing(True, ()))))
    assert "Blessed: this model may be deployed." in blessed
    assert "Not blessed" not in blessed


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


def test_nor_are_they_in_the_table_of_a_protocol():
    figures = {"FAR": 0.1, "FRR": 0.1, "EER": 0.1, "EER_threshold": 0.4}
    (table,) = protocol_tables({"protocols": {"templates": {"figures": figures}}})
    assert [key for key, *_ in table.rows] == ["EER", "EER_threshold"]


def test_an_unsupported_rate_is_listed_with_what_it_needs(html):
    assert "it takes 3,000 impostor pairs to measure so low a rate, and there are 448." in text_of(
        html
    )


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
def test_worst_pairs_say_whether_they_are_errors_at_the_threshold(data, html):
    assert "0.100 false accept anna and bert anna/1.png bert/1.png" in text_of(html)
    assert "1.500 false reject anna anna/1.png anna/1.png" in text_of(html)
    swapped = replace(data, false_accepts=[image_pair(1.9)], false_rejects=[image_pair(0.01)])
    assert "1.900 told apart" in text_of(render_report(swapped))
    assert "0.010 recognised" in text_of(render_report(swapped))


def test_the_same_data_give_the_same_bytes(data, html):
    assert render_report(data) == html


def test_a_report_of_forty_large_images_stays_under_three_megabytes(data):
    worst = [image_pair(size=400)] * 10
    html = render_report(replace(data, false_accepts=worst, false_rejects=worst))
    assert len(html) < 3_000_000


@pytest.mark.parametrize("spread", [0.0, 1e-3, 50.0])
def test_extreme_models_can_be_shown(data, spread):
    extreme = evaluated(spread)
    html = render_report(
        replace(data, metrics=extreme.metrics, curves=extreme.curves, comparisons={})
    )
    assert not re.search(r"\b(nan|inf)\b", text_of(html))


def test_a_model_on_a_single_pair_of_each_kind_can_be_shown(data):
    pairs = score_pairs([[0.0], [1.0], [3.0]], [0, 0, 1], "euclidean")
    metrics = evaluate_pairs(pairs, target_fars=[0.1], ranks=[1], seed=0)
    shown = replace(
        data,
        metrics=metrics,
        curves=compute_curves(pairs),
        comparisons={},
        false_accepts=[],
        false_rejects=[],
    )
    assert "TAR@FAR=1e-01" in text_of(render_report(shown))


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0"),
        (1.2e-5, "0.0012"),
        (0.0004, "0.040"),
        (0.0832, "8.3"),
        (0.5, "50.0"),
        (0.9996, "99.960"),
        (1, "100"),
        (1e-9, "< 0.000001"),
        (1 - 1e-9, "> 99.999999"),
    ],
)
def test_rates_are_as_precise_as_their_nearness_to_0_and_1_asks(rate, text):
    assert percent(rate) == f"{text}\u202f%"


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_embedded_losslessly_and_not_larger_than_needed(channels):
    small = np.random.default_rng(0).integers(0, 256, (20, 30, channels), np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(png_address(small).partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(image).reshape(small.shape), small)
    large = png_address(np.zeros((500, 250, channels), np.uint8))
    assert Image.open(io.BytesIO(base64.b64decode(large.partition(",")[2]))).size == (56, 112)


OPTIONAL_SECTIONS = {"gate", "operating_points", "protocols", "slices"}


def section_ids(html):
    return {attrs.get("id") for tag, attrs in Page(html).tags if tag == "section"} - {None}


def section_text(html, name):
    return text_of(re.search(rf'<section id="{name}">.*?(?=<section id=|</main>)', html, re.S)[0])


@pytest.mark.usefixtures("undrawn")
def test_sections_without_data_are_absent_and_the_others_can_be_jumped_to(data, full, html):
    assert not OPTIONAL_SECTIONS & section_ids(html)
    everything = render_report(full)
    assert section_ids(everything) == section_ids(html) | OPTIONAL_SECTIONS
    targets = [attrs["href"][1:] for tag, attrs in Page(everything).tags if tag == "a"]
    assert set(targets) == section_ids(everything)
    bare = replace(data, false_accepts=[], false_rejects=[], configuration={})
    left_out = {"false_accepts", "false_rejects", "configuration"}
    assert section_ids(render_report(bare)) == section_ids(html) - left_out


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


def test_the_rates_of_a_point_are_those_of_dev_first_then_of_test():
    (point,) = operating_points(EXTRA)
    assert [rate.errors for rate in point.rates] == [10, 31, 29, 52]


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
def test_it_says_where_the_intervals_come_from(data):
    drawn_anew, as_independent = "drawing the people of the test split anew", "Clopper and Pearson"
    text = text_of(render_report(replace(data, configuration={"intervals": "bootstrap"})))
    assert drawn_anew in text
    assert as_independent not in text
    text = text_of(render_report(replace(data, configuration={"intervals": "clopper_pearson"})))
    assert drawn_anew not in text
    assert text.count(as_independent) == 2


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
def test_an_interval_that_spans_everything_is_not_known(data):
    wide = {"EER": [0.02, 0.97], "AUC": [0.06, 0.95]}
    metrics = dict(data.metrics) | {"intervals": dict(data.metrics["intervals"]) | wide}
    html = render_report(replace(data, metrics=metrics)).replace("\u202f", " ")
    assert "95 % interval not known: the test people are too few" in text_of(html)
    figures = section_text(html, "figures")
    assert re.search("Equal error rate; lower is better [0-9.]+ % interval not known", figures)
    assert "0.0600 to 0.9500" in figures


def test_a_difference_is_in_points_but_for_the_auc():
    assert difference("EER", -0.0125) == "\u22121.25"
    assert difference("AUC", 0.0125) == "+0.0125"


@pytest.mark.usefixtures("undrawn")
def test_the_calibration_says_what_it_costs(full):
    text = section_text(render_report(full), "verification")
    assert "What a distance is worth" in text
    assert "is 0.125 bits" in text


HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    "$x^",
    "_",
]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_in_every_section(full, name):
    protocol = EXTRA["protocols"]["open_set"] | {
        "description": name,
        "counts": {name: 1},
        "figures": {name: 0.5},
        "unsupported": {f"{name}!": 1},
    }
    metrics = dict(full.metrics) | {
        "protocols": {name: protocol},
        "slices": {name: sliced([name, "b"])},
        "gate": {name: EXTRA["gate"]["overall"] | {"metric": name}},
        "thresholds_missing": name,
    }
    html = render_report(
        replace(
            full,
            metrics=metrics,
            comparisons={name: full.comparisons["raw pixels"]},
            false_rejects=[image_pair(names=(name, name))],
            protocol_curves={name: PROTOCOL_CURVES["open_set"]},
        )
    )
    assert {tag for tag, _ in Page(html).tags} == {tag for tag, _ in Page(render_report(full)).tags}
    assert not [attrs for _, attrs in Page(html).tags if "onerror" in attrs]
    for section in ("gate", "protocols", "slices", "false_rejects"):
        assert name.replace("_", " ").strip() in section_text(html, section)


@pytest.mark.usefixtures("undrawn")
def test_very_long_names_are_shortened_so_that_they_cannot_fill_the_page(full):
    name = "x" * 100_000
    metrics = dict(full.metrics) | {"slices": {name: sliced([name, f"{name}y"])}}
    html = render_report(
        replace(full, metrics=metrics, false_accepts=[image_pair(names=(name, name))])
    )
    assert len(html) < len(render_report(full)) + 10_000
    assert short(name + "end").endswith("xend")
    assert len(short(name)) <= 80


@pytest.mark.usefixtures("undrawn")
def test_a_name_that_is_no_valid_text_can_be_saved(full):
    broken = "\udce9t\udce9.png"  # what Python makes of a file name that is not UTF-8
    html = render_report(replace(full, false_accepts=[image_pair(names=(broken, "b"))]))
    assert "?t?.png" in html.encode("utf-8").decode()


def test_each_comparison_that_there_can_be_has_a_line_style_of_its_own():
    others = (THIS_MODEL_THERE, *BASELINES, LATEST_BLESSED)
    assert len({dashes for _, dashes in plots.COMPARISONS}) >= len(others)


def test_a_legend_takes_names_that_matplotlib_would_read_as_markup(data):
    names = {"_hidden": data.curves, "$\\frac{$": data.curves, "x" * 500: data.curves}
    assert plots.plot_cmc(data.curves, names).startswith("data:image/svg+xml")


def test_the_report_of_a_very_large_evaluation_stays_under_five_megabytes(full):
    """As of 100,000 images: curves with a point for each, every slice wide, large images."""
    steps = np.linspace(0, 1, 100_000)
    # Rough, since matplotlib leaves out points of a smooth line by itself.
    noise = np.random.default_rng(0).uniform(0, 0.5, len(steps))
    curves = {
        "open_set": {"threshold": steps, "fpir": steps + noise, "fnir": 1 - steps + noise},
        "det": {"threshold": steps, "far": steps + noise, "frr": 1 - steps + noise},
        "cmc": {"rank": np.arange(1, len(steps) + 1), "rate": np.sort(steps)},
    }
    names = [f"a group with a rather long name {place}" for place in range(500)]
    metrics = dict(full.metrics) | {
        "slices": {f"column {place}": sliced(names) for place in range(5)},
        "protocols": {f"protocol {place}": EXTRA["protocols"]["open_set"] for place in range(5)},
    }
    worst = [image_pair(size=400)] * 10
    html = render_report(
        replace(
            full,
            metrics=metrics,
            protocol_curves={f"protocol {place}": curves for place in range(5)},
            calibration={"distance": steps, "llr": steps - noise},
            false_accepts=worst,
            false_rejects=worst,
        )
    )
    assert len(html.encode()) < 5_000_000


@pytest.mark.parametrize(
    ("fpir", "fnir"),
    [([0, 0], [0.5, 0.4]), ([0.5], [0.0]), ([1e-6, 1], [0, 0]), ([], [])],
)
def test_open_set_curves_with_hardly_a_point_can_be_shown(full, fpir, fnir):
    curves = {"open_set": {"open_set": {"fpir": fpir, "fnir": fnir}}}
    assert "Open-set search" in render_report(replace(full, protocol_curves=curves))


@pytest.fixture
def figures(monkeypatch):
    """Has the plots return their matplotlib figures."""
    monkeypatch.setattr(plots, "_address", lambda figure: figure)


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
    model = replace(data.curves, far=rates, frr=rates[::-1], distances=np.linspace(0, 2, 200))
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

"""The report: complete, self-contained, and safe whatever the people are called."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from components.evaluator.blessing import Blessing
from components.evaluator.curves import compute_curves
from components.evaluator.metrics_json import evaluate_pairs
from components.evaluator.pairs import score_pairs
from components.evaluator.report import (
    Comparison,
    ImagePair,
    ReportData,
    percent,
    png_address,
    render_report,
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


@pytest.fixture(scope="module")
def html(data):
    return render_report(data)


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
    assert len(addresses) == 6 + 4  # plots, and two images a pair
    assert all(address.startswith("data:image/") for address in addresses)
    assert "script" not in {tag for tag, _ in tags}
    assert not re.search(r"url\(|@import|https?:", re.sub(r'src="[^"]*"', "", html))
    policies = [attrs["content"] for _, attrs in tags if "http-equiv" in attrs]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


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


def test_the_headline_says_whether_the_model_is_blessed_and_why(data, html):
    assert "Not blessed" in text_of(html)
    assert "EER is 0.2 and fails: at most 0.1 is required." in text_of(html)
    blessed = text_of(render_report(replace(data, blessing=Blessing(True, ()))))
    assert "Blessed: this model may be deployed." in blessed
    assert "Not blessed" not in blessed


def test_the_table_has_every_metric_with_its_interval_beside_the_baselines(data, html):
    text = text_of(html)
    assert "This model raw pixels eigenfaces" in text
    for key, value in data.metrics.items():
        if isinstance(value, float):
            assert key.replace("_", " ") in text
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
    assert cells["FAR"] == cells["EER threshold"] == ["own", "", ""]


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
    assert len(figures) == 6
    for figure in figures:
        assert len(re.search(r"<figcaption>(.*?)</figcaption>", figure, re.DOTALL)[1]) > 80


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
    [(0, "0"), (0.0004, "0.04"), (0.0832, "8.3"), (0.5, "50.0"), (0.9996, "99.96"), (1, "100")],
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

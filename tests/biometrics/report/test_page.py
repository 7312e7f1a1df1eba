"""The page: complete, self-contained, small, and safe whatever the people are called."""

import re
from dataclasses import replace

import numpy as np
import pytest

from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.curves import compute_curves
from biometrics.gate import Blessing
from biometrics.protocols.all_pairs import measure_pairs
from biometrics.report.formats import short
from biometrics.report.page import render_report
from biometrics.settings import ProtocolSettings
from tests.biometrics.report.cases import (
    EXTRA,
    OPTIONAL_SECTIONS,
    PROTOCOL_CURVES,
    Page,
    evaluated,
    image_pair,
    section_ids,
    section_text,
    sliced,
    text_of,
)


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
def test_the_headline_says_whether_the_model_is_blessed_and_why(data, html):
    assert "Not blessed" in text_of(html)
    assert "EER is 0.2 and fails: at most 0.1 is required." in text_of(html)
    blessed = text_of(render_report(replace(data, blessing=Blessing(True, ()))))
    assert "Blessed: this model may be deployed." in blessed
    assert "Not blessed" not in blessed


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


def test_the_same_data_give_the_same_bytes(data, html):
    assert render_report(data) == html


@pytest.mark.parametrize("spread", [0.0, 1e-3, 50.0])
def test_extreme_models_can_be_shown(data, spread):
    extreme = evaluated(spread)
    html = render_report(
        replace(data, metrics=extreme.metrics, curves=extreme.curves, comparisons={})
    )
    assert not re.search(r"\b(nan|inf)\b", text_of(html))


def test_a_model_on_a_single_pair_of_each_kind_can_be_shown(data):
    pairs = score_pairs([[0.0], [1.0], [3.0]], [0, 0, 1], "euclidean")
    metrics = measure_pairs(pairs, ProtocolSettings(target_fars=[0.1], ranks=[1], seed=0))
    shown = replace(
        data,
        metrics=metrics,
        curves=compute_curves(pairs),
        comparisons={},
        false_accepts=[],
        false_rejects=[],
    )
    assert "TAR@FAR=1e-01" in text_of(render_report(shown))


def test_a_report_of_forty_large_images_stays_under_three_megabytes(data):
    worst = [image_pair(size=400)] * 10
    html = render_report(replace(data, false_accepts=worst, false_rejects=worst))
    assert len(html) < 3_000_000


@pytest.mark.slow
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

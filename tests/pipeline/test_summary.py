"""What a run ends with on the screen."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult, print_summary

METRICS = {
    "EER": 0.0444,
    "AUC": 0.9937,
    "Rank-1": 0.5,
    "counts": {"identities": 3, "images": 30, "genuine_pairs": 135, "impostor_pairs": 300},
    "intervals": {"EER": [0.017, 0.11], "AUC": [0.97, 0.999], "Rank-1": [0.01, 0.99]},
    "unsupported": {},
    "thresholds": [],
    "protocols": {},
    "baselines": {},
}


@pytest.fixture
def shown(tmp_path):
    """Prints the summary of these figures; gives the text with single spaces."""

    def show(reasons=(), **changes):
        result = RunResult(
            metrics=METRICS | changes,
            blessed=False,
            reasons=list(reasons),
            report=Path("evaluation/report.html"),
            pushed_model=None,
            model_run=Path("model_run"),
        )
        stream = io.StringIO()
        print_summary(Console(file=stream, width=200), result, RunFolder(tmp_path))
        return " ".join(stream.getvalue().split())

    return show


def test_an_interval_that_spans_everything_is_not_known(shown):
    text = shown()
    assert "EER │ 0.0444 │ 0.017 to 0.110" in text
    assert "Rank-1 │ 0.5000 │ not known" in text


def test_baselines_that_were_measured_on_a_sample_are_said_to_be(shown):
    text = shown(baselines_sample={"identities": 812, "images": 5003})
    assert "baselines: measured on 812 people, 5003 images drawn; this model on the same" in text
    assert "baselines:" not in shown()


def test_a_baseline_without_figures_is_named_with_the_reason(shown):
    text = shown(baselines_missing={"eigenfaces": "images that are [all] the same"})
    assert "no figures of eigenfaces: images that are [all] the same" in text

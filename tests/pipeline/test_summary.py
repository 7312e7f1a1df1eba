"""What a run ends with on the screen."""

import io
from pathlib import Path

import pytest

from biometrics.thresholds.pack import plain
from pipeline.console import TextConsole
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult, print_summary
from tests.biometrics.packs import operating_point

METRICS = {
    "EER": 0.0444,
    "AUC": 0.9937,
    "Rank-1": 0.5,
    "counts": {"identities": 3, "images": 30, "genuine_pairs": 135, "impostor_pairs": 300},
    "intervals": {"EER": [0.017, 0.11], "AUC": [0.97, 0.999], "Rank-1": [0.01, 0.99]},
    "unsupported": {},
    "thresholds": [],
    "unsupported_thresholds": {},
    "protocols": {},
    "baselines": {},
}


@pytest.fixture
def shown(tmp_path):
    """Prints the summary of these figures; gives the text with single spaces."""

    def show(reasons=(), unsent=None, **changes):
        result = RunResult(
            metrics=METRICS | changes,
            blessed=False,
            reasons=list(reasons),
            report=Path("evaluation/report.html"),
            pushed_model=None,
            model_run=Path("model_run"),
            tracking_unsent=unsent,
        )
        stream = io.StringIO()
        print_summary(TextConsole(file=stream, width=200), result, RunFolder(tmp_path))
        return " ".join(stream.getvalue().split())

    return show


def test_an_interval_that_spans_everything_is_not_known(shown):
    text = shown()
    assert "EER │ 0.0444 │ 0.017 to 0.110" in text
    assert "Rank-1 │ 0.5000 │ not known" in text


def test_a_verification_set_has_its_figures_in_a_line_and_its_remarks_below(shown):
    figures = {"EER": 0.125, "EER_threshold": 0.4, "Accuracy": 0.9}
    lfw = {"figures": figures, "remarks": ["Leak: the model was trained on people of this set"]}
    text = shown(verification={"lfw": lfw, "cut": {"figures": {}, "remarks": ["Not measured"]}})
    assert "verification set lfw: EER 0.1250, Accuracy 0.9000 Leak: the model was trained" in text
    assert "verification set cut: no figures Not measured" in text
    assert "verification set" not in shown()


def test_baselines_that_were_measured_on_a_sample_are_said_to_be(shown):
    text = shown(baselines_sample={"identities": 812, "images": 5003})
    assert "baselines: measured on 812 people, 5003 images drawn; this model on the same" in text
    assert "baselines:" not in shown()


def test_a_baseline_without_figures_is_named_with_the_reason(shown):
    text = shown(baselines_missing={"eigenfaces": "images that are [all] the same"})
    assert "no figures of eigenfaces: images that are [all] the same" in text


def test_a_threshold_has_its_state_and_the_intervals_of_its_rates(shown):
    provisional = plain(operating_point("EER", None, 0.6))
    supported = plain(operating_point("FAR=1e-02", 0.01, 0.4, state="supported"))
    needed = {"FAR=1e-04": {"impostor_pairs": 30_000, "people": 142}}
    text = shown(thresholds=[provisional, supported], unsupported_thresholds=needed)
    rates = (
        "FAR 0.0150 (95 % interval 0.0050 to 0.0300), FRR 0.2000 (95 % interval 0.1000 to 0.3000)"
    )
    chosen = f"chosen on 4 people; on the other 4 {rates}"
    assert f"threshold EER: 0.6000, {chosen}: provisional" in text
    assert "provisional, for 4 people chose it, and it takes 20" in text
    assert f"threshold FAR=1e-02: 0.4000, {chosen}: supported" in text
    assert text.count("provisional, for") == 1
    assert "threshold FAR=1e-04: none, it takes 142 people who choose, with 30000 impostor" in text


def test_a_rate_that_may_be_anything_has_no_interval(shown):
    point = plain(operating_point("EER", None, 0.6))
    point["test"]["intervals"]["FAR"] = [0.0, 0.975]
    assert "FAR 0.0150 (95 % interval not known), FRR 0.2000" in shown(thresholds=[point])


def test_what_mlflow_lacks_is_said_with_the_command_that_brings_it_there(shown, tmp_path):
    text = shown(unsent=tmp_path / "mlflow_unsent")
    assert f"what MLflow lacks is in {tmp_path}/mlflow_unsent" in text
    assert f"arcface upload {tmp_path}" in text
    assert "MLflow lacks" not in shown()


def test_exports_are_said_with_what_they_cost_or_why_they_are_not_pushed(shown):
    figure = {"model": 0.95, "export": 0.94, "interval": [-0.02, 0.001]}
    text = shown(
        exports={
            "onnx": {"passed": True, "farthest": 3.2e-7},
            "onnx_int8": {"passed": True, "farthest": 0.05, "figures": {"AUC": figure}},
            "litert": {"passed": False, "reason": "it was not made: no such operation"},
        }
    )
    assert "export onnx: as the model, not pushed; its embeddings are within 3.2e-07 of" in text
    assert "within 0.05 of the model's; AUC 0.9400 (0.9500), the model in brackets" in text
    assert "export litert: not to be used, and NOT pushed: it was not made: no such" in text
    assert "export onnx" not in shown()

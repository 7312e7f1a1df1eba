"""When a model is blessed, and what the reasons say."""

from types import SimpleNamespace

import pytest

from components.evaluator.blessing import decide_blessing

METRICS = {
    "EER": 0.09,
    "AUC": 0.964,
    "counts": {"genuine_pairs": 360, "impostor_pairs": 2800, "identities": 8, "images": 80},
    "intervals": {"EER": [0.05, 0.13]},
    "unsupported": {"TAR@FAR=1e-03": 3000},
}


def bound(min=None, max=None):
    return SimpleNamespace(min=min, max=max)


def decide(thresholds=None, baseline=None, max_regression=0.01, **changes):
    return decide_blessing(METRICS | changes, thresholds or {}, baseline, max_regression)


def baseline_with(eer):
    return METRICS | {"EER": eer}


@pytest.mark.parametrize(
    ("limits", "blessed", "reason"),
    [
        ({"EER": bound(max=0.12)}, True, "EER is 0.09 and passes: at most 0.12 is required."),
        ({"EER": bound(max=0.09)}, True, "EER is 0.09 and passes: at most 0.09 is required."),
        ({"EER": bound(max=0.08)}, False, "EER is 0.09 and fails: at most 0.08 is required."),
        ({"AUC": bound(min=0.95)}, True, "AUC is 0.964 and passes: at least 0.95 is required."),
        ({"AUC": bound(min=0.964)}, True, "AUC is 0.964 and passes: at least 0.964 is required."),
        ({"AUC": bound(min=0.97)}, False, "AUC is 0.964 and fails: at least 0.97 is required."),
        (
            {"EER": bound(min=0.1, max=0.2)},
            False,
            "EER is 0.09 and fails: at least 0.1 and at most 0.2 is required.",
        ),
    ],
)
def test_a_threshold_is_met_inclusively_and_the_reason_has_the_numbers(limits, blessed, reason):
    blessing = decide(limits)
    assert blessing.blessed is blessed
    assert blessing.reasons[0] == reason


def test_one_failed_threshold_is_enough_and_every_check_is_listed():
    blessing = decide({"EER": bound(max=0.12), "AUC": bound(min=0.99)}, baseline_with(0.1))
    assert not blessing.blessed
    assert [reason.split()[0] for reason in blessing.reasons] == ["EER", "AUC", "EER"]


def test_a_threshold_on_an_unsupported_rate_fails_and_says_what_it_needs():
    blessing = decide({"TAR@FAR=1e-03": bound(min=0.5)})
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "TAR@FAR=1e-03 must be at least 0.5, but has no number: it needs 3,000 impostor pairs and "
        "the test split has 2,800."
    )


@pytest.mark.parametrize("name", ["EERR", "counts", "TAR@FAR=1e-05"])
def test_a_threshold_on_what_is_no_metric_fails_and_names_the_metrics(name):
    blessing = decide({name: bound(max=0.5)})
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        f"{name} must be at most 0.5, but is not among the metrics: EER, AUC."
    )


def test_a_metric_that_is_not_finite_never_passes():
    assert not decide({"EER": bound(max=0.5)}, EER=float("nan")).blessed
    assert not decide({"AUC": bound(min=0.5)}, AUC=float("inf")).blessed


@pytest.mark.parametrize(
    ("before", "blessed", "change"),
    [
        (0.10, True, "-0.01, within"),
        (0.09, True, "+0, within"),
        (0.08, True, "+0.01, within"),
        (0.079, False, "+0.011, beyond"),
    ],
)
def test_the_eer_may_be_worse_than_the_latest_blessed_models_by_the_margin(before, blessed, change):
    blessing = decide({"EER": bound(max=0.5)}, baseline_with(before))
    assert blessing.blessed is blessed
    assert blessing.reasons[-1] == (
        f"EER is 0.09 against {before:g} of the latest blessed model: {change} the allowed +0.01."
    )


def test_rounding_does_not_make_a_model_worse_than_the_margin():
    assert 0.1 + 0.7 < 0.8
    assert decide(baseline=baseline_with(0.1), max_regression=0.7, EER=0.8).blessed


def test_a_baseline_measured_on_other_pairs_does_not_count_as_met():
    other = baseline_with(0.5) | {"counts": METRICS["counts"] | {"impostor_pairs": 10}}
    blessing = decide(baseline=other)
    assert not blessing.blessed
    assert "not measured on the same pairs" in blessing.reasons[-1]


def test_with_nothing_to_hold_it_against_a_model_is_blessed_and_the_reasons_say_so():
    blessing = decide()
    assert blessing.blessed
    assert blessing.reasons == (
        "No thresholds are set, so none had to be met.",
        "There is no blessed model yet to compare with.",
    )


def test_a_blessed_model_that_cannot_be_compared_with_is_named_in_the_reasons():
    blessing = decide_blessing(METRICS, {}, None, 0.01, not_compared="it takes other images")
    assert blessing.blessed
    assert blessing.reasons[-1] == (
        "Not compared with the latest blessed model: it takes other images."
    )

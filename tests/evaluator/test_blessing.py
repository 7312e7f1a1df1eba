"""When a model is blessed, and what the reasons say."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import t

from components.evaluator.blessing import decide_blessing, gate_block
from components.evaluator.comparison import PairedComparison, compare
from tests.evaluator.test_comparison import two_models

METRICS = {
    "EER": 0.09,
    "AUC": 0.964,
    "counts": {"genuine_pairs": 360, "impostor_pairs": 2800, "identities": 8, "images": 80},
    "intervals": {"EER": [0.05, 0.13]},
    "unsupported": {"TAR@FAR=1e-03": 3000},
}


def bound(min=None, max=None):
    return SimpleNamespace(min=min, max=max)


def decide(thresholds=None, comparisons=None, max_regression=0.0, **changes):
    return decide_blessing(METRICS | changes, thresholds or {}, comparisons or {}, max_regression)


def comparison(candidate=0.051, baseline=0.044, standard_error=0.005, people=30):
    return PairedComparison("EER", candidate, baseline, standard_error, people, people // 2)


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
    blessing = decide({"EER": bound(max=0.12), "AUC": bound(min=0.99)}, {"overall": comparison()})
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


def test_a_model_that_chance_may_have_made_look_worse_is_blessed():
    blessing = decide(comparisons={"overall": comparison()})
    assert blessing.blessed
    assert blessing.reasons[-1] == (
        "EER is 0.051 against 0.044 of the latest blessed model: +0.007 (95 % interval -0.00323 to "
        "+0.0172), not significantly worse."
    )


def test_a_model_that_is_significantly_worse_is_not_blessed():
    blessing = decide(comparisons={"overall": comparison(standard_error=0.003)})
    assert not blessing.blessed
    assert blessing.reasons[-1] == (
        "EER is 0.051 against 0.044 of the latest blessed model: +0.007 (95 % interval +0.000864 "
        "to +0.0131), significantly worse."
    )


def test_a_model_may_be_worse_by_the_margin():
    worse = {"overall": comparison(candidate=0.061, standard_error=0.003)}
    beyond, within = (
        decide(comparisons=worse, max_regression=0.01),
        decide(comparisons=worse, max_regression=0.011),
    )
    assert not beyond.blessed
    assert beyond.reasons[-1].endswith("significantly more than 0.01 worse.")
    assert within.blessed
    assert within.reasons[-1].endswith("not significantly more than 0.011 worse.")


def test_a_lower_end_on_the_margin_is_not_above_it():
    low = 0.1 + 0.2 - 0.01 * t(29).ppf(0.975)
    on_it = {"overall": comparison(0.3, 0.0, standard_error=0.01)}
    assert low > 0
    assert decide(comparisons=on_it, max_regression=low).blessed
    assert not decide(comparisons=on_it, max_regression=low - 1e-6).blessed


def test_what_cannot_be_compared_as_a_number_does_not_pass():
    assert not decide(comparisons={"overall": comparison(candidate=float("nan"))}).blessed


def test_one_group_that_is_worse_is_enough_and_every_scope_has_its_reason():
    blessing = decide(
        comparisons={
            "overall": comparison(),
            "sex=female": comparison(candidate=0.09),
            "sex=male": comparison(),
        }
    )
    assert not blessing.blessed
    assert blessing.reasons[-2] == (
        "EER of sex=female is 0.09 against 0.044 of the latest blessed model: +0.046 (95 % "
        "interval over 2 groups at once +0.0342 to +0.0578), significantly worse."
    )
    assert [reason.split(" is ")[0] for reason in blessing.reasons[1:]] == [
        "EER",
        "EER of sex=female",
        "EER of sex=male",
    ]
    assert blessing.reasons[-1].endswith("not significantly worse.")


def test_the_more_groups_are_looked_at_the_clearer_one_has_to_be_worse():
    worse = comparison(standard_error=0.003)
    assert not decide(comparisons={"overall": worse, "sex=female": comparison()}).blessed
    assert not decide(comparisons={"sex=female": worse}).blessed
    assert decide(comparisons={"sex=female": worse, "sex=male": comparison()}).blessed


def test_the_gate_block_has_the_very_numbers_and_verdicts_of_the_reasons():
    scopes = {
        "overall": comparison(standard_error=0.003),
        "sex=female": comparison(standard_error=0.003),
        "sex=male": comparison(),
    }
    block = gate_block(scopes, 0.0)
    assert json.loads(json.dumps(block, allow_nan=False)) == block
    assert block["overall"] == {
        "metric": "EER",
        "candidate": 0.051,
        "baseline": 0.044,
        "difference": scopes["overall"].difference,
        "interval": list(scopes["overall"].interval(0.95)),
        "passed": False,
    }
    assert block["sex=female"]["interval"] == list(scopes["sex=female"].interval(0.975))
    assert [gate["passed"] for gate in block.values()] == [False, True, True]
    for reason, gate in zip(decide(comparisons=scopes).reasons[1:], block.values(), strict=True):
        assert reason.endswith("not significantly worse.") is gate["passed"]
    assert gate_block({}, 0.0) == {}


def test_a_model_as_good_as_the_last_one_seldom_fails_the_gate():
    rng = np.random.default_rng(0)
    scopes = ("overall", "age=old", "age=young", "sex=female", "sex=male")
    blessed = [
        decide(
            comparisons={scope: compare(*two_models(rng, 8, 3), seed=seed) for scope in scopes}
        ).blessed
        for seed in range(100)
    ]
    assert np.mean(blessed) >= 0.92  # 95 %, less the spread of a hundred


def test_with_nothing_to_hold_it_against_a_model_is_blessed_and_the_reasons_say_so():
    blessing = decide()
    assert blessing.blessed
    assert blessing.reasons == (
        "No thresholds are set, so none had to be met.",
        "There is no blessed model yet to compare with.",
    )


def test_a_blessed_model_that_cannot_be_compared_with_is_named_in_the_reasons():
    blessing = decide_blessing(METRICS, {}, {}, 0.0, not_compared="it takes other images")
    assert blessing.blessed
    assert blessing.reasons[-1] == (
        "Not compared with the latest blessed model: it takes other images."
    )

"""When a model is blessed, and what the reasons say."""

import json

import numpy as np
import pytest
from scipy.stats import t

from biometrics.gate import Rivals, decide_blessing, gate_block
from biometrics.intervals.paired import PairedComparison, compare
from biometrics.settings import Bound, Rules
from tests.biometrics.intervals.test_paired import two_models

METRICS = {
    "EER": 0.09,
    "EER_threshold": 0.6,
    "AUC": 0.964,
    "counts": {"genuine_pairs": 360, "impostor_pairs": 2800, "identities": 8, "images": 80},
    "intervals": {"EER": [0.05, 0.13], "AUC": [0.93, 0.98]},
    "unsupported": {"TAR@FAR=1e-03": 3000},
    "thresholds": [{"name": "EER"}, {"name": "FAR=1e-01"}],
}
HIGH = "is required, and by its 95 % interval it may be as high as 0.13."
LOW = "is required, and by its 95 % interval it may be as low as 0.93."


def decide(bounds=None, people=30, rivals=None, changes=None, **rules):
    return decide_blessing(
        METRICS | (changes or {}), Rules(bounds=bounds or {}, **rules), rivals or Rivals(), people
    )


def against_latest(comparisons, max_regression=0.0):
    return decide(rivals=Rivals(latest=comparisons), max_regression=max_regression)


def comparison(candidate=0.051, baseline=0.044, standard_error=0.005, people=30):
    return PairedComparison("EER", candidate, baseline, standard_error, people, people // 2)


def reason(blessing, start):
    """The one reason that starts so."""
    (found,) = [line for line in blessing.reasons if line.startswith(start)]
    return found


@pytest.mark.parametrize(
    ("limits", "blessed", "sentence"),
    [
        ({"EER": Bound(max=0.15)}, True, f"EER is 0.09 and passes: at most 0.15 {HIGH}"),
        ({"EER": Bound(max=0.13)}, True, f"EER is 0.09 and passes: at most 0.13 {HIGH}"),
        ({"EER": Bound(max=0.12)}, False, f"EER is 0.09 and fails: at most 0.12 {HIGH}"),
        ({"AUC": Bound(min=0.93)}, True, f"AUC is 0.964 and passes: at least 0.93 {LOW}"),
        ({"AUC": Bound(min=0.95)}, False, f"AUC is 0.964 and fails: at least 0.95 {LOW}"),
        (
            {"EER": Bound(min=0.06, max=0.2)},
            False,
            "EER is 0.09 and fails: at least 0.06 and at most 0.2 is required, and by its "
            "95 % interval it may be as low as 0.05 or as high as 0.13.",
        ),
    ],
)  # fmt: skip
def test_a_bound_is_held_against_the_end_of_the_interval_that_can_hurt(limits, blessed, sentence):
    blessing = decide(limits)
    assert blessing.blessed is blessed
    assert sentence in blessing.reasons


def test_a_figure_just_within_its_bound_is_not_enough_where_its_interval_reaches_far_beyond():
    lucky = {"EER": 0.1199, "intervals": {"EER": [0.01, 0.48]}}
    blessing = decide({"EER": Bound(max=0.12)}, changes=lucky)
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "EER is 0.1199 and fails: at most 0.12 is required, and by its 95 % interval it may be "
        "as high as 0.48."
    )


@pytest.mark.parametrize(
    ("limits", "blessed"),
    [
        ({"EER": Bound(max=0.09)}, True),
        ({"EER": Bound(max=0.08)}, False),
        ({"AUC": Bound(min=0.964)}, True),
        ({"AUC": Bound(min=0.97)}, False),
        ({"EER": Bound(min=0.1, max=0.2)}, False),
    ],
)
def test_a_bound_may_be_held_against_the_bare_value_which_is_said(limits, blessed):
    blessing = decide(limits, bounds_hold="value")
    assert blessing.blessed is blessed
    (name,) = limits
    low, high = METRICS["intervals"][name]
    verdict = "passes" if blessed else "fails"
    assert reason(blessing, f"{name} is {METRICS[name]} and {verdict}: ").endswith(
        f"is required, of the figure alone, whatever its 95 % interval, {low} to {high}."
    )


def test_a_metric_without_an_interval_is_refused_unless_the_value_alone_counts():
    limits = {"EER_threshold": Bound(max=0.7)}
    refused = decide(limits)
    assert not refused.blessed
    assert refused.reasons[0] == (
        "EER_threshold is 0.6, but has no interval to hold against what is required, at most 0.7 "
        "(evaluation.bounds_hold: value looks at the figure alone)."
    )
    assert decide(limits, bounds_hold="value").blessed


@pytest.mark.parametrize("hold", ["interval", "value"])
def test_a_bound_on_an_unsupported_rate_fails_and_says_what_it_needs(hold):
    blessing = decide({"TAR@FAR=1e-03": Bound(min=0.5)}, bounds_hold=hold)
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "TAR@FAR=1e-03 must be at least 0.5, but has no number: it needs 3,000 impostor pairs and "
        "the test split has 2,800."
    )


@pytest.mark.parametrize("name", ["EERR", "counts", "TAR@FAR=1e-05"])
def test_a_bound_on_what_is_no_metric_fails_and_names_the_metrics(name):
    blessing = decide({name: Bound(max=0.5)})
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        f"{name} must be at most 0.5, but is not among the metrics: EER, EER_threshold, AUC."
    )


def test_what_is_not_finite_never_passes():
    assert not decide({"EER": Bound(max=0.5)}, changes={"EER": float("nan")}).blessed
    assert not decide({"AUC": Bound(min=0.5)}, changes={"AUC": float("inf")}).blessed
    unknown = {"intervals": {"EER": [float("nan"), float("nan")]}}
    assert not decide({"EER": Bound(max=0.5)}, changes=unknown).blessed


def test_what_failed_comes_first_and_every_check_is_listed():
    latest = {"overall": comparison()}
    blessing = decide(
        {"EER": Bound(max=0.15), "AUC": Bound(min=0.99)}, 3, rivals=Rivals(latest=latest)
    )
    assert not blessing.blessed
    assert [line.split()[0] for line in blessing.reasons] == [
        "AUC",
        "The",
        "EER",
        "It",
        "EER",
        "EER",
    ]


def test_too_few_people_bless_no_model():
    blessing = decide(people=9)
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "The test split has 9 people with two images or more, and at least 10 are required: the "
        "figures of so few people say little about others (evaluation.min_people)."
    )
    assert decide(people=10).blessed
    assert decide(people=3, min_people=3).blessed


def test_a_model_without_a_threshold_to_decide_with_is_not_blessed_unless_asked_for():
    none = {"thresholds": [], "thresholds_missing": "there is one person"}
    blessing = decide(changes=none)
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "It has no threshold to tell one person from two with: there is one person "
        "(evaluation.require_threshold)."
    )
    allowed = decide(changes=none, require_threshold=False)
    assert allowed.blessed
    assert reason(allowed, "It has no threshold") == (
        "It has no threshold to decide with, and none is asked for: there is one person."
    )
    assert not decide(changes={"thresholds": []}).blessed
    assert reason(decide(), "It has") == "It has thresholds to decide with: EER, FAR=1e-01."


def against(raw=None, eigenfaces=None, fisherfaces=None):
    named = {"raw pixels": raw, "eigenfaces": eigenfaces, "Fisherfaces": fisherfaces}
    return Rivals(baselines={name: other for name, other in named.items() if other})


def test_a_model_that_is_worse_than_raw_pixels_is_not_blessed_however_little():
    blessing = decide(rivals=against(raw=comparison(0.051, 0.05, standard_error=0.2)))
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "EER is 0.051 against 0.05 of raw pixels: worse than comparing the pixels of the images as "
        "they are, without any model."
    )


def test_a_model_that_may_as_well_guess_is_not_blessed_though_raw_pixels_do_no_better():
    guessing = {"EER": 0.42, "intervals": {"EER": [0.33, 0.5]}}
    blessing = decide(rivals=against(raw=comparison(0.42, 0.5)), changes=guessing)
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "EER is 0.42, and by its 95 % interval it may be as high as 0.5: not shown to be better "
        "than guessing, which has 0.5."
    )


@pytest.mark.parametrize("figure", [0.0, 0.05])
def test_a_model_as_good_as_raw_pixels_is_blessed(figure):
    blessing = decide(rivals=against(raw=comparison(figure, figure, standard_error=0.0)))
    assert blessing.blessed
    assert reason(blessing, f"EER is {figure:g} against") == (
        f"EER is {figure:g} against {figure:g} of raw pixels: no worse than comparing the pixels "
        "of the images as they are."
    )


def test_against_the_other_baselines_chance_is_allowed_for():
    fine = comparison(0.05, 0.1)
    worse = decide(rivals=against(raw=fine, fisherfaces=comparison(0.051, 0.04)))
    assert not worse.blessed
    assert worse.reasons[0] == (
        "EER is 0.051 against 0.04 of Fisherfaces: +0.011 (95 % interval +0.000774 to +0.0212), "
        "significantly worse."
    )
    two = decide(rivals=against(raw=fine, fisherfaces=comparison(0.051, 0.04), eigenfaces=fine))
    assert two.blessed
    assert " of Fisherfaces: +0.011 (95 % interval over 2 baselines at once " in two.reasons[-2]
    assert two.reasons[-2].endswith("not significantly worse.")


def test_a_comparison_on_a_sample_of_people_says_so():
    sample = {"baselines_sample": {"identities": 812, "images": 5003}}
    blessing = decide(rivals=against(raw=comparison(), fisherfaces=comparison()), changes=sample)
    where = "EER on 5,003 images of 812 people, drawn, is 0.051 against 0.044 of "
    assert [line.startswith(where) for line in blessing.reasons].count(True) == 2


def test_the_baselines_can_be_left_out_of_it_which_is_said():
    rivals = against(raw=comparison(0.5, 0.05))
    blessing = decide(rivals=rivals, beat_baselines=False)
    assert blessing.blessed
    assert (
        "It is not held against the baselines, as evaluation.beat_baselines is false."
    ) in blessing.reasons
    assert gate_block(Rules(beat_baselines=False), rivals) == {}


def test_a_baseline_that_could_not_be_measured_is_named_and_raw_pixels_have_to_be():
    blessing = decide(rivals=Rivals(missing={"eigenfaces": "the images are equal"}))
    assert blessing.blessed
    assert "It is not held against eigenfaces: the images are equal" in blessing.reasons
    assert not decide(rivals=Rivals(missing={"raw pixels": "no pixels"})).blessed


def test_a_model_that_chance_may_have_made_look_worse_is_blessed():
    blessing = against_latest({"overall": comparison()})
    assert blessing.blessed
    assert blessing.reasons[-1] == (
        "EER is 0.051 against 0.044 of the latest blessed model: +0.007 (95 % interval -0.00323 to "
        "+0.0172), not significantly worse."
    )


def test_a_model_that_is_significantly_worse_is_not_blessed():
    blessing = against_latest({"overall": comparison(standard_error=0.003)})
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "EER is 0.051 against 0.044 of the latest blessed model: +0.007 (95 % interval +0.000864 "
        "to +0.0131), significantly worse."
    )


def test_a_model_may_be_worse_than_the_latest_by_the_margin_but_not_than_a_baseline():
    worse = {"overall": comparison(candidate=0.061, standard_error=0.003)}
    beyond, within = against_latest(worse, 0.01), against_latest(worse, 0.011)
    assert not beyond.blessed
    assert beyond.reasons[0].endswith("significantly more than 0.01 worse.")
    assert within.blessed
    assert within.reasons[-1].endswith("not significantly more than 0.011 worse.")
    assert not decide(rivals=against(fisherfaces=worse["overall"]), max_regression=0.5).blessed


def test_a_lower_end_on_the_margin_is_not_above_it():
    low = 0.1 + 0.2 - 0.01 * t(29).ppf(0.975)
    on_it = {"overall": comparison(0.3, 0.0, standard_error=0.01)}
    assert low > 0
    assert against_latest(on_it, low).blessed
    assert not against_latest(on_it, low - 1e-6).blessed


def test_what_cannot_be_compared_as_a_number_does_not_pass():
    unknown = comparison(candidate=float("nan"))
    assert not against_latest({"overall": unknown}).blessed
    assert not decide(rivals=against(raw=unknown)).blessed


def test_one_group_that_is_worse_is_enough_and_every_scope_has_its_reason():
    blessing = against_latest(
        {
            "overall": comparison(),
            "sex=female": comparison(candidate=0.09),
            "sex=male": comparison(),
        }
    )
    assert not blessing.blessed
    assert blessing.reasons[0] == (
        "EER of sex=female is 0.09 against 0.044 of the latest blessed model: +0.046 (95 % "
        "interval over 2 groups at once +0.0342 to +0.0578), significantly worse."
    )
    assert [line.split(" is ")[0] for line in blessing.reasons[-2:]] == ["EER", "EER of sex=male"]
    assert blessing.reasons[-1].endswith("not significantly worse.")


def test_the_more_groups_are_looked_at_the_clearer_one_has_to_be_worse():
    worse = comparison(standard_error=0.003)
    assert not against_latest({"overall": worse, "sex=female": comparison()}).blessed
    assert not against_latest({"sex=female": worse}).blessed
    assert against_latest({"sex=female": worse, "sex=male": comparison()}).blessed


def test_the_gate_block_has_the_very_numbers_and_verdicts_of_the_reasons():
    raw = comparison(0.051, 0.05)
    latest = {
        "overall": comparison(standard_error=0.003),
        "sex=female": comparison(standard_error=0.003),
        "sex=male": comparison(),
    }
    rivals = Rivals(baselines={"raw pixels": raw}, latest=latest)
    block = gate_block(Rules(), rivals)
    assert json.loads(json.dumps(block, allow_nan=False)) == block
    assert block["overall"] == {
        "against": "latest blessed model",
        "metric": "EER",
        "candidate": 0.051,
        "baseline": 0.044,
        "difference": latest["overall"].difference,
        "interval": list(latest["overall"].interval(0.95)),
        "passed": False,
    }
    assert block["raw pixels"]["against"] == "raw pixels"
    assert block["raw pixels"]["interval"] == list(raw.interval(0.95))
    assert block["sex=female"]["interval"] == list(latest["sex=female"].interval(0.975))
    verdicts = {scope: gate["passed"] for scope, gate in block.items()}
    assert verdicts == {
        "raw pixels": False,
        "overall": False,
        "sex=female": True,
        "sex=male": True,
    }
    assert decide(rivals=rivals).reasons[:2] == (
        "EER is 0.051 against 0.05 of raw pixels: worse than comparing the pixels of the images as "
        "they are, without any model.",
        "EER is 0.051 against 0.044 of the latest blessed model: +0.007 (95 % interval +0.000864 "
        "to +0.0131), significantly worse.",
    )
    assert gate_block(Rules(), Rivals()) == {}


@pytest.mark.slow
def test_a_model_as_good_as_the_last_one_seldom_fails_the_gate():
    rng = np.random.default_rng(0)
    scopes = ("overall", "age=old", "age=young", "sex=female", "sex=male")
    blessed = [
        against_latest(
            {scope: compare(*two_models(rng, 8, 3), seed=seed) for scope in scopes}
        ).blessed
        for seed in range(100)
    ]
    assert np.mean(blessed) >= 0.92  # 95 %, less the spread of a hundred


def test_without_a_bound_a_blessing_does_not_read_like_an_achievement():
    blessing = decide()
    assert blessing.blessed
    assert blessing.reasons == (
        "No figure was required of it (evaluation.bounds): that it is blessed does not say "
        "that it is good.",
        "The test split has 30 people with two images or more; at least 10 are required.",
        "It has thresholds to decide with: EER, FAR=1e-01.",
        "EER is 0.09, and by its 95 % interval it may be as high as 0.13: better than guessing, "
        "which has 0.5.",
        "There is no blessed model yet to compare with.",
    )


def test_a_blessed_model_that_cannot_be_compared_with_is_named_in_the_reasons():
    blessing = decide(rivals=Rivals(not_compared="it takes other images"))
    assert blessing.blessed
    assert blessing.reasons[-1] == (
        "Not compared with the latest blessed model: it takes other images."
    )

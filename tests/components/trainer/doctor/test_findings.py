"""What the doctor makes of figures; none of them comes from a training."""

import json
import math
from dataclasses import replace

import pytest

from components.trainer.doctor.findings import (
    LEAST_SPREAD,
    MOST_CHANGE,
    PATIENCE_STEPS,
    Doctor,
    Facts,
    most_by_guessing,
)

FACTS = Facts(
    centres=20,
    people=20,
    train_images=320,
    largest_share=0.05,
    batch_size=32,
    total_steps=1_000,
    val_images=100,
)
LEARNING = {
    "loss": 5.0,
    "accuracy": 0.9,
    "spread": 0.9,
    "embedding_norm": 8.0,
    "gradient_norm": 10.0,
    "weight_change": 1e-3,
    "val_accuracy": 0.8,
}
GUESSING = LEARNING | {"accuracy": 0.05, "val_accuracy": 0.05}
START = GUESSING | {"loss": 20.0}


def findings(figures, facts=FACTS, steps=300, doctor=None, first=10):
    """All findings, each with its step; `figures` is the same at all looks, or a function of it."""
    doctor = doctor or Doctor(facts)
    looks = range(first, steps + 1, 10)
    given = figures if callable(figures) else lambda step: START if step == 10 else figures
    return [(step, finding) for step in looks for finding in doctor.look(step, given(step))]


def names(found):
    return [finding.name for _, finding in found]


def test_a_training_that_learns_is_left_alone():
    assert findings(LEARNING) == []


@pytest.mark.parametrize("name", ["loss", "accuracy", "embedding_norm", "val_accuracy"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_is_not_finite_is_hopeless_at_once(name, value):
    (found,) = Doctor(FACTS).look(7, LEARNING | {name: value})
    assert (found.name, found.hopeless) == ("not_finite", True)
    assert f"{name} is {value} at step 7" in found.message
    assert "training.initial_lr or model.arcface_scale" in found.message


def test_gradients_may_overflow_since_loss_scaling_leaves_such_steps_out():
    assert findings(LEARNING | {"gradient_norm": math.inf}) == []


def test_guessing_is_named_after_the_patience_and_hopeless_after_as_long_again():
    found = findings(GUESSING)
    assert [(step, f.name, f.hopeless) for step, f in found] == [
        (PATIENCE_STEPS + 10, "at_chance", False),
        (2 * PATIENCE_STEPS, "at_chance", True),
    ]
    assert "data.input_dir" in found[0][1].message
    assert "model.arcface_margin" in found[0][1].message


def test_the_key_of_the_margin_is_that_of_the_loss():
    cosface = findings(GUESSING, replace(FACTS, margin_key="model.cosface_margin"))
    softmax = findings(GUESSING, replace(FACTS, margin_key=None))
    assert "lower model.cosface_margin or model.dropout_rate" in cosface[0][1].message
    assert "lower model.dropout_rate." in softmax[0][1].message


def test_who_always_names_the_person_with_most_images_is_guessing():
    facts = replace(FACTS, largest_share=0.4)
    assert names(findings(GUESSING | {"accuracy": 0.4, "val_accuracy": 0.4}, facts, 150)) == [
        "at_chance"
    ]
    assert findings(GUESSING | {"accuracy": 0.47}, facts) == []


def test_with_many_people_the_patience_is_counted_in_images_of_each():
    facts = replace(FACTS, people=8_000, centres=8_000, largest_share=1 / 8_000, batch_size=64)
    none_right = GUESSING | {"accuracy": 0.0, "val_accuracy": 0.0}

    def guessing(step):
        return none_right

    assert facts.patience == 2_500
    assert findings(guessing, facts, steps=2_500) == []
    assert names(findings(guessing, facts, steps=2_590)) == ["at_chance"]


def test_nothing_is_judged_before_the_warm_up_and_the_patience_are_over():
    facts = replace(FACTS, warmup_steps=500)
    assert findings(GUESSING, facts, steps=600) == []
    assert names(findings(GUESSING, facts, steps=620)) == ["at_chance"]


def test_one_look_is_no_finding():
    assert findings(lambda step: GUESSING if step == 200 else LEARNING) == []


def test_a_doubt_that_went_and_came_again_has_its_time_anew():
    def figures(step):
        wild = START | {"weight_change": 2 * MOST_CHANGE}
        return LEARNING if 160 <= step < 250 else wild

    found = findings(figures, replace(FACTS, val_images=0), steps=400)
    assert [f.hopeless for _, f in found] == [False, True]
    assert found[1][0] >= 250 + PATIENCE_STEPS


def test_held_out_images_that_are_known_deny_that_nothing_is_learnt():
    strong_dropout = GUESSING | {"val_accuracy": 0.5}
    assert findings(strong_dropout) == []


def test_labels_are_called_shuffled_where_only_the_training_images_are_known():
    found = findings(LEARNING | {"accuracy": 0.7, "val_accuracy": 0.06}, steps=350)
    assert [(step, finding.name) for step, finding in found] == [(320, "labels_shuffled")]
    assert "data.input_dir" in found[0][1].message


@pytest.mark.parametrize("validated", [[50], [50, 290], [50, 310], [310]])
def test_two_validations_after_the_images_are_known_show_shuffled_labels_and_no_less(validated):
    def figures(step):
        figures = START if step == 10 else LEARNING
        known = {name: value for name, value in figures.items() if name != "val_accuracy"}
        return known | ({"val_accuracy": 0.04} if step in validated else {})

    assert findings(figures, steps=400) == []
    validated = [*validated, 350, 360]
    assert names(findings(figures, steps=400)) == ["labels_shuffled"]


def test_a_first_pass_that_knew_its_images_denies_shuffled_labels():
    def figures(step):
        return LEARNING | {"accuracy": 0.2 if step == 10 else 0.9, "val_accuracy": 0.04}

    assert findings(figures, steps=400) == []


def test_a_validation_that_was_better_once_denies_shuffled_labels():
    def figures(step):
        return START if step == 10 else LEARNING | {"val_accuracy": 0.04 if step > 50 else 0.8}

    assert findings(figures, steps=400) == []


def test_without_held_out_images_nothing_is_called_shuffled():
    without = {name: value for name, value in LEARNING.items() if name != "val_accuracy"}
    assert findings(without, replace(FACTS, val_images=0)) == []


def test_weights_that_are_others_after_some_steps_show_a_high_rate():
    found = findings(LEARNING | {"weight_change": 0.06})
    assert [(f.name, f.hopeless) for _, f in found] == [("rate_too_high", False)]
    assert "6.0%" in found[0][1].message
    assert "Lower training.initial_lr" in found[0][1].message


def test_a_high_rate_with_which_nothing_is_learnt_is_hopeless():
    found = findings(GUESSING | {"weight_change": 0.06})
    assert [(f.name, f.hopeless) for _, f in found] == [
        ("rate_too_high", False),
        ("rate_too_high", True),
    ]


def test_a_loss_above_its_start_shows_a_high_rate_where_nothing_is_learnt():
    found = findings(GUESSING | {"loss": 40.0}, steps=150)
    assert names(found) == ["rate_too_high"]
    assert "risen from 20 to 40" in found[0][1].message


def test_a_loss_may_rise_while_the_accuracy_does_too():
    assert findings(LEARNING | {"loss": 40.0}) == []


def test_weights_that_stay_where_they_are_show_a_low_rate():
    found = findings(START | {"weight_change": 1e-6}, steps=150)
    assert names(found) == ["rate_too_low"]
    assert "1,000 steps" in found[0][1].message
    assert "Raise training.initial_lr" in found[0][1].message


def test_a_low_rate_is_enough_in_a_long_training():
    found = findings(START | {"weight_change": 1e-6}, replace(FACTS, total_steps=100_000), 150)
    assert names(found) == ["at_chance"]


def test_a_low_rate_is_seen_where_the_drawn_network_guesses_well():
    lucky = START | {"accuracy": 0.15, "weight_change": 1e-6}
    assert names(findings(lambda step: lucky, steps=150)) == ["rate_too_low"]


def test_a_low_rate_with_which_the_accuracy_rises_is_left_alone():
    def figures(step):
        return START | {"accuracy": 0.1 + step / 1000, "weight_change": 1e-6, "val_accuracy": 0.5}

    assert findings(figures) == []


def test_embeddings_that_are_alike_are_called_collapsed():
    found = findings(LEARNING | {"spread": LEAST_SPREAD / 2}, steps=150)
    assert names(found) == ["collapse"]
    message = found[0][1].message
    assert "model.arcface_margin, model.l2_reg or training.initial_lr" in message


@pytest.mark.parametrize(
    ("facts", "spread"),
    [(replace(FACTS, batch_size=1), 0.0), (replace(FACTS, largest_share=0.95), 0.04)],
    ids=["batches of one image", "most images of one person"],
)
def test_a_spread_that_the_data_cannot_have_is_not_asked_for(facts, spread):
    assert findings(LEARNING | {"spread": spread, "accuracy": 1.0}, facts) == []


def test_embeddings_without_length_are_called_collapsed():
    assert names(findings(LEARNING | {"embedding_norm": 0.01}, steps=150)) == ["collapse"]


def test_chance_has_the_spread_of_a_binomial():
    assert most_by_guessing(0.5, 100) == pytest.approx(0.65)
    assert most_by_guessing(0.1, 900) == pytest.approx(0.13)


@pytest.mark.parametrize("figures", [GUESSING, LEARNING | {"weight_change": 0.06}])
@pytest.mark.parametrize("stopped_at", [10, 60, 110, 190])
def test_a_doctor_that_was_restored_finds_what_the_first_would_have(figures, stopped_at):
    first = Doctor(FACTS)
    before = findings(figures, steps=stopped_at, doctor=first)
    second = Doctor(FACTS)
    second.restore(json.loads(json.dumps(first.state())))
    after = findings(figures, doctor=second, first=stopped_at + 10)
    assert before + after == findings(figures)

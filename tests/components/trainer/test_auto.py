"""What a key that says "auto" stands for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.section import is_auto
from components.trainer.auto import (
    AutoError,
    DataFacts,
    batch_size_of,
    epochs_of,
    estimate,
    rate_of,
    resolved,
    scale_of,
)
from components.trainer.config import ModelConfig, TrainingConfig
from groundfloor.paths import Url

MODEL = ModelConfig(arcface_margin="auto", arcface_scale="auto")
ALL = {
    "batch_size": "auto",
    "epochs": "auto",
    "initial_lr": "auto",
    "schedule": "cosine",
    "warmup_epochs": "auto",
    "margin_warmup": "auto",
    "augment": "auto",
    "early_stopping_patience": "auto",
}
SOME_FACTS = DataFacts(people=1287, images=5148)


def resolved_training(facts: DataFacts = SOME_FACTS, **settings) -> TrainingConfig:
    return resolved(ModelConfig(), TrainingConfig.model_validate(settings), facts)[1]


def test_what_is_chosen_for_a_thousand_people_with_four_images_each():
    model, training, choices = resolved(MODEL, TrainingConfig.model_validate(ALL), SOME_FACTS)
    assert {choice.key: choice.value for choice in choices} == {
        "training.batch_size": 64,
        "training.epochs": 71,
        "training.initial_lr": 0.0014,
        "training.warmup_epochs": pytest.approx(3.55),
        "training.margin_warmup": pytest.approx(21.3),
        "training.early_stopping_patience": 71,
        "training.augment": True,
        "model.arcface_margin": 0.5,
        "model.arcface_scale": 25.4,
    }
    for choice in choices:
        section, _, name = choice.key.partition(".")
        assert getattr({"model": model, "training": training}[section], name) == choice.value


def test_each_choice_says_what_and_why():
    _, _, choices = resolved(MODEL, TrainingConfig.model_validate(ALL), SOME_FACTS)
    said = {choice.key: str(choice) for choice in choices}
    assert said["model.arcface_scale"] == (
        "model.arcface_scale is 25.4: 1,287 people, at a margin of 0.5"
    )
    assert said["training.margin_warmup"] == "training.margin_warmup is 21.3: 30% of 71 epochs"


@given(people=st.integers(2, 10**7), per_person=st.floats(1.0, 100.0), sgd=st.booleans())
def test_whatever_the_data_are_nothing_is_left_to_choose_and_all_of_it_is_valid(
    people, per_person, sgd
):
    facts = DataFacts(people=people, images=math.ceil(people * per_person))
    settings = ALL | {"optimizer": "sgd" if sgd else "adam"}
    model, training, _ = resolved(MODEL, TrainingConfig.model_validate(settings), facts)
    left = {name for section in (model, training) for name, value in section if is_auto(value)}
    # What follows the machine, and what is held out.
    assert left == {"mixed_precision", "monitor", "strategy"}


def test_what_is_set_stays_and_the_rest_follows_it():
    model, training, choices = resolved(
        ModelConfig(arcface_margin=0.3, arcface_scale="auto"),
        TrainingConfig(batch_size=256, accumulate=2, initial_lr="auto"),
        SOME_FACTS,
    )
    assert (model.arcface_margin, training.batch_size, training.epochs) == (0.3, 256, 50)
    assert model.arcface_scale == pytest.approx(scale_of(1287, 0.3), abs=0.05)
    assert training.initial_lr == pytest.approx(1e-3 * 4)
    assert [choice.key for choice in choices] == ["training.initial_lr", "model.arcface_scale"]


def test_a_place_on_a_store_stays_what_it_is():
    training = resolved_training(epochs="auto", checkpoint_dir="s3://bucket/state")
    assert training.checkpoint_dir == Url("s3", "bucket/state")


def test_a_configuration_that_leaves_nothing_to_the_data_is_the_same_as_before():
    assert resolved(ModelConfig(), TrainingConfig(), SOME_FACTS) == (
        ModelConfig(),
        TrainingConfig(),
        [],
    )


@pytest.mark.parametrize(("images", "size"), [(1, 32), (3199, 32), (3200, 64), (10**7, 128)])
def test_the_batch_size_leaves_an_epoch_fifty_steps_where_it_can(images, size):
    assert batch_size_of(images) == size


@pytest.mark.parametrize(("images", "epochs"), [(288, 120), (490_000, 33.4), (5_500_000, 18)])
def test_epochs_are_near_those_of_published_trainings(images, epochs):
    assert epochs_of(images) == pytest.approx(epochs, rel=0.15)


def test_epochs_lie_on_the_line_that_numpy_fits():
    images, epochs = np.array([288, 490e3, 5.8e6, 5.18e6]), np.array([120, 33.4, 15.9, 20])
    line = np.polyfit(np.log(images), np.log(epochs), 1)
    for number in (288, 5148, 10**6):
        assert epochs_of(number) == round(math.exp(np.polyval(line, math.log(number))))


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_more_images_never_get_more_epochs_and_each_training_has_a_few(one, other):
    fewer, more = sorted((one, other))
    assert 10 <= epochs_of(more) <= epochs_of(fewer) <= 130


def test_rates_are_those_of_the_recipes_that_they_come_from():
    assert rate_of("sgd", 512) == 0.1
    assert rate_of("sgd", 128) == 0.025
    assert rate_of("adam", 32) == rate_of("adamw", 32) == 1e-3
    assert rate_of("adam", 128) == 2e-3


def test_without_a_margin_the_scale_of_many_people_is_that_of_adacos():
    people = 10**12  # with fewer, the bound of CosFace is above it
    assert scale_of(people, 0.0) == pytest.approx(math.sqrt(2) * math.log(people - 1))


def test_the_scale_of_few_people_is_cosfaces_bound():
    scale = scale_of(10, 0.0)
    probability = np.exp(scale) / (np.exp(scale) + 9 * np.exp(-scale / 9))
    assert probability == pytest.approx(0.9999, abs=1e-5)


@pytest.mark.parametrize("people", [1287, 85_742])
def test_the_probability_changes_fastest_at_45_degrees_with_the_margin_put_on(people):
    margin = 0.5
    scale = scale_of(people, margin)
    angles = np.linspace(0, math.pi / 2, 100_001)
    own = np.exp(scale * np.cos(angles + margin))
    slope = np.gradient(own / (own + people - 1), angles)
    assert angles[np.argmin(slope)] == pytest.approx(math.pi / 4, abs=0.02)


@given(people=st.integers(2, 10**8), margin=st.floats(0.0, 1.57))
def test_the_scale_is_above_0_and_at_most_that_of_arcface(people, margin):
    assert 0 < scale_of(people, margin) <= 64
    assert scale_of(people, margin) <= scale_of(people + 1, margin) + 1e-9


def test_epochs_keep_to_the_hours_that_there_are():
    facts = DataFacts(people=1287, images=5148, step_seconds=0.9)
    training = resolved_training(facts, epochs="auto", batch_size=64, max_hours=1.0)
    assert training.epochs == 3600 // (80 * 0.9)
    assert resolved_training(facts, epochs="auto", max_hours=0.001).epochs == 1
    assert resolved_training(facts, epochs="auto", max_hours=100.0).epochs == 71


def test_hours_without_the_time_of_a_step_are_refused():
    with pytest.raises(AutoError, match="max_hours needs the time of a step"):
        resolved_training(epochs="auto", max_hours=1.0)


def test_a_choice_that_does_not_go_with_what_is_set_is_refused():
    with pytest.raises(AutoError, match="warmup_epochs must end before the last of 71 epochs"):
        resolved_training(epochs="auto", warmup_epochs=80.0)


def test_early_stopping_waits_for_a_rate_that_falls_to_the_end():
    settings = {"epochs": 120, "early_stopping_patience": "auto"}
    assert resolved_training(schedule="cosine", **settings).early_stopping_patience == 120
    assert resolved_training(schedule="plateau", **settings).early_stopping_patience == 30


@pytest.mark.parametrize(
    ("step_seconds", "steps", "text"),
    [
        (0.05, 400, "about 20 s: 400 steps of 0.05 s"),
        (0.001, 3, "about 1 s: 3 steps of 0.001 s"),
        (0.5, 5680, "about 47 min: 5,680 steps of 0.5 s"),
        (0.631, 12_000, "about 2 h 6 min: 12,000 steps of 0.63 s"),
        (0.9, 1_000_000, "about 10 days 10 h: 1,000,000 steps of 0.9 s"),
    ],
)
def test_the_estimate_is_in_units_that_one_plans_with(step_seconds, steps, text):
    assert estimate(step_seconds, steps) == text

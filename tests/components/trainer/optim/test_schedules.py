"""The rate and the margin of each step."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.trainer.config import TrainingConfig
from components.trainer.optim.schedules import SCHEDULES, build_schedule

PEAK = 0.1
NEEDED = {"step": {"milestones": [2, 5]}}
FALLING = ("cosine", "polynomial")
WITH_A_RATE = sorted(SCHEDULES.keys() - {"plateau"})


def configured(schedule="cosine", **settings) -> TrainingConfig:
    values = {"initial_lr": PEAK, "epochs": 10, "schedule": schedule}
    return TrainingConfig.model_validate(values | NEEDED.get(schedule, {}) | settings)


def rates(config: TrainingConfig, steps_per_epoch: int) -> np.ndarray:
    """Of every step, and of the one after the last."""
    schedule = build_schedule(config, steps_per_epoch)
    return np.array([schedule.rate(step) for step in range(config.epochs * steps_per_epoch + 1)])


SETTINGS = {
    "steps_per_epoch": st.integers(1, 40),
    "warmup": st.floats(0.0, 9.0),
}


@pytest.mark.parametrize("name", WITH_A_RATE)
@given(**SETTINGS)
def test_the_rate_is_above_0_in_every_step_and_nowhere_above_its_peak(
    name, steps_per_epoch, warmup
):
    values = rates(configured(name, warmup_epochs=warmup), steps_per_epoch)
    assert np.all(values[:-1] > 0)
    assert values.max() <= PEAK


@pytest.mark.parametrize("name", WITH_A_RATE)
@given(**SETTINGS)
def test_the_rate_rises_evenly_to_its_peak_in_the_warm_up_and_never_after_it(
    name, steps_per_epoch, warmup
):
    values = rates(configured(name, warmup_epochs=warmup, **quiet(name)), steps_per_epoch)
    end = math.ceil(warmup * steps_per_epoch)
    rise = np.diff(values[:end])
    assert np.all(rise > 0)
    np.testing.assert_allclose(rise[:-1], values[0], rtol=1e-6)  # a part of a step comes last
    assert values[max(end - 1, 0)] == PEAK
    assert np.all(np.diff(values[end:]) <= 0)


def quiet(name: str) -> dict:
    """Settings that keep the milestones out of the warm-up."""
    return {"milestones": [9]} if name == "step" else {}


@pytest.mark.parametrize("name", [*FALLING, "constant"])
@given(**SETTINGS)
def test_the_rate_moves_no_faster_than_its_formula_allows(name, steps_per_epoch, warmup):
    values = rates(configured(name, warmup_epochs=warmup), steps_per_epoch)
    steps = steps_per_epoch * 10
    steepest = {"cosine": math.pi / 2, "polynomial": 2.0, "constant": 0.0}[name]
    fall = PEAK * steepest / (steps - warmup * steps_per_epoch)
    assert np.all(-np.diff(values) <= fall * (1 + 1e-6) + 1e-12)


@pytest.mark.parametrize("name", FALLING)
@given(end=st.floats(0.0, PEAK), **SETTINGS)
def test_the_rate_ends_at_its_end_value_and_stays_there(name, end, steps_per_epoch, warmup):
    config = configured(name, warmup_epochs=warmup, end_lr=end)
    schedule = build_schedule(config, steps_per_epoch)
    after_warmup = rates(config, steps_per_epoch)[math.ceil(warmup * steps_per_epoch) :]
    assert after_warmup.min() >= end * (1 - 1e-12)
    for step in (10 * steps_per_epoch, 10 * steps_per_epoch + 7):
        assert schedule.rate(step) == pytest.approx(end, abs=1e-12)


def test_cosine_is_that_of_keras():
    theirs = keras.optimizers.schedules.CosineDecay(PEAK, decay_steps=70, alpha=0.1)
    values = rates(configured(warmup_epochs=3, end_lr=PEAK / 10), 10)
    np.testing.assert_allclose(values[30:], [float(theirs(step)) for step in range(71)], rtol=1e-5)


def test_polynomial_is_that_of_keras():
    theirs = keras.optimizers.schedules.PolynomialDecay(PEAK, 70, 0.01, power=1.5)
    values = rates(configured("polynomial", warmup_epochs=3, end_lr=0.01, power=1.5), 10)
    np.testing.assert_allclose(values[30:], [float(theirs(step)) for step in range(71)], rtol=1e-5)


def test_polynomial_falls_with_the_square_where_nothing_is_said():
    np.testing.assert_allclose(rates(configured("polynomial"), 10)[50], PEAK / 4)


def test_step_is_that_of_keras():
    # Theirs changes after the boundary, ours with the first step of the epoch that follows.
    theirs = keras.optimizers.schedules.PiecewiseConstantDecay([19, 49], [0.1, 0.02, 0.004])
    values = rates(configured("step", reduce_lr_factor=0.2), 10)
    np.testing.assert_allclose(values, [float(theirs(step)) for step in range(101)], rtol=1e-6)


def test_the_warm_up_of_two_and_a_half_epochs_by_hand():
    values = rates(configured("constant", warmup_epochs=2.5), 2)
    np.testing.assert_allclose(values[:7], PEAK * np.array([1, 2, 3, 4, 5, 5, 5]) / 5)


def test_plateau_leaves_the_rate_to_its_callback_once_the_warm_up_is_over():
    schedule = build_schedule(configured("plateau", warmup_epochs=1), 2)
    assert [schedule.rate(step) for step in range(4)] == [PEAK / 2, PEAK, None, None]
    assert build_schedule(TrainingConfig(), 10).rate(0) is None


@given(steps_per_epoch=st.integers(1, 40), margin_warmup=st.floats(0.0, 9.0))
def test_the_margin_rises_evenly_from_0_to_all_of_it(steps_per_epoch, margin_warmup):
    schedule = build_schedule(configured(margin_warmup=margin_warmup), steps_per_epoch)
    shares = np.array([schedule.margin_share(step) for step in range(10 * steps_per_epoch)])
    end = math.ceil(margin_warmup * steps_per_epoch)
    assert np.all(shares[end:] == 1.0)
    if end:
        expected = np.arange(end) / (margin_warmup * steps_per_epoch)
        np.testing.assert_allclose(shares[:end], expected, rtol=1e-9)


def test_without_a_warm_up_the_margin_is_there_at_once():
    assert build_schedule(TrainingConfig(), 10).margin_share(0) == 1.0


def test_every_schedule_of_the_configuration_exists():
    assert set(TrainingConfig.model_fields["schedule"].annotation.__args__) == set(SCHEDULES)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"schedule": "step", "milestones": None}, r"needs milestones, such as \[20, 30\]"),
        ({"schedule": "step", "milestones": [5, 5]}, r"milestones must rise. Received: \[5, 5\]"),
        ({"schedule": "step", "milestones": [2, 10]}, "milestones must end before the last of 10"),
        ({"milestones": [2]}, "milestones is a setting of schedule step. Received: schedule cos"),
        ({"power": 2.0}, "power is a setting of schedule polynomial"),
        ({"schedule": "plateau", "end_lr": 0.1}, "end_lr is a setting of schedule cosine and pol"),
        ({"end_lr": 0.2}, "end_lr must be at most initial_lr, which is 0.1. Received: 0.2"),
        ({"warmup_epochs": 10.0}, "warmup_epochs must end before the last of 10 epochs"),
        ({"margin_warmup": 12.5}, "margin_warmup must end before the last of 10 epochs"),
        ({"warmup_epochs": -1.0}, "greater than or equal to 0"),
    ],
)
def test_a_setting_that_the_schedule_lacks_or_cannot_use_is_refused(settings, complaint):
    with pytest.raises(ValidationError, match=complaint):
        configured(**settings)

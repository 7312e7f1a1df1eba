"""The doctor in a training loop: means, speed, what is told; and real trainings, small ones."""

import json
import logging
import math

import keras
import numpy as np
import pytest

from benchmarks.doctor import Training, draw_people, treat
from components.trainer.doctor.findings import Doctor, Facts, Finding, TrainingHopeless
from components.trainer.doctor.rounds import DoctorRounds, tell
from groundfloor.errors import UserError

FACTS = Facts(
    centres=20, people=20, train_images=300, largest_share=0.05, batch_size=32, total_steps=500
)
LEARNING = {"loss": 5.0, "accuracy": 0.9, "spread": 0.9, "embedding_norm": 8.0}
PASSING = Finding("one_person", "one person is most of the data.", hopeless=False)
HOPELESS = Finding("collapse", "the embeddings collapsed.", hopeless=True)


class Clock:
    """Every look at it takes two seconds."""

    def __init__(self):
        self._seconds = 0.0

    def __call__(self):
        self._seconds += 2.0
        return self._seconds


class Listener(Doctor):
    """Remembers what it is shown."""

    def __init__(self):
        super().__init__(FACTS)
        self.shown = {}

    def look(self, step, statistics):
        self.shown[step] = dict(statistics)
        return super().look(step, statistics)


def rounds_of(doctor, kernel=None, **arguments):
    if kernel is None:
        kernel = keras.Variable(np.ones((2, 2), np.float32))
    return DoctorRounds(doctor, [kernel], batch_size=32, clock=Clock(), **arguments)


def test_the_doctor_is_shown_means_since_the_last_look():
    doctor = Listener()
    rounds = rounds_of(doctor, every=2)
    figures = []
    for step, loss in enumerate([1.0, 3.0, 10.0, 20.0], start=1):
        rounds.add(LEARNING | {"loss": loss})
        figures.append(rounds.look(step))
    assert [bool(given) for given in figures] == [False, True, False, True]
    assert {step: shown["loss"] for step, shown in doctor.shown.items()} == {2: 2.0, 4: 15.0}
    assert figures[3]["loss"] == 15.0


def test_movement_is_that_of_a_step_and_images_are_those_of_a_second():
    kernel = keras.Variable(np.ones((2, 2), np.float32))
    rounds = rounds_of(Doctor(FACTS), kernel, every=4)
    for _ in range(4):
        rounds.add(LEARNING)
    kernel.assign(kernel * 1.2)
    figures = rounds.look(4)
    assert figures["weight_change"] == pytest.approx(0.05)
    assert figures["images_per_second"] == 4 * 32 / 2.0


def test_a_validation_is_shown_once_at_the_next_look():
    doctor = Listener()
    rounds = rounds_of(doctor, every=2)
    for step in range(1, 7):
        rounds.add(LEARNING)
        assert "val_accuracy" not in rounds.look(step)
        if step == 3:
            rounds.validated({"val_accuracy": 0.4, "val_eer": 0.1})
    assert [shown.get("val_accuracy") for shown in doctor.shown.values()] == [None, 0.4, None]
    assert all("val_eer" not in shown for shown in doctor.shown.values())


def test_what_is_passing_is_logged_in_one_line(caplog):
    tell([PASSING])
    assert caplog.messages == [PASSING.message]
    assert caplog.records[0].levelno == logging.WARNING


def test_what_is_hopeless_ends_the_training_with_its_message(caplog):
    with pytest.raises(TrainingHopeless, match="the embeddings collapsed") as raised:
        tell([PASSING, HOPELESS])
    assert isinstance(raised.value, UserError)
    assert caplog.messages == [PASSING.message, HOPELESS.message]


def test_a_loss_that_is_no_number_ends_the_training_at_the_next_look():
    rounds = rounds_of(Doctor(FACTS), every=3)
    for loss in (5.0, math.nan, 5.0):
        rounds.add(LEARNING | {"loss": loss})
    with pytest.raises(TrainingHopeless, match="loss is nan at step 3"):
        rounds.look(3)


def test_the_state_goes_through_json_and_back():
    rounds = rounds_of(Doctor(FACTS), every=1)
    rounds.add(LEARNING)
    rounds.look(1)
    rounds.validated({"val_accuracy": 0.4})
    state = json.loads(json.dumps(rounds.state()))
    doctor = Listener()
    restored = rounds_of(doctor, every=1)
    restored.restore(state)
    assert restored.state() == rounds.state()
    restored.add(LEARNING)
    restored.look(2)
    assert doctor.shown[2]["val_accuracy"] == 0.4


def test_restored_weights_have_not_moved():
    kernel = keras.Variable(np.ones((2, 2), np.float32))
    state = rounds_of(Doctor(FACTS)).state()
    rounds = rounds_of(Doctor(FACTS), kernel, every=1)
    kernel.assign(kernel * 7.0)  # The checkpoint's weights.
    rounds.restore(state)
    rounds.add(LEARNING)
    assert rounds.look(1)["weight_change"] == 0.0


def drawn(seed):
    return draw_people(seed, people=10, images=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "poisoned_at", "words"),
    [(1e-3, 15, "diverged"), (1e-8, None, "rate is too low")],
    ids=["poisoned", "low rate"],
)
def test_a_real_training_with_a_fault_is_named(rate, poisoned_at, words):
    small = {"batch_size": 16, "initial_lr": rate}
    found, _ = treat(Training("", drawn, {}, small, poisoned_at=poisoned_at), seed=1)
    assert words in found[0][1]


@pytest.mark.slow
def test_a_real_training_that_learns_is_left_alone():
    found, accuracy = treat(Training("", drawn, {}, {"batch_size": 16}), seed=1, steps=160)
    assert found == []
    assert accuracy > 0.9


def test_what_is_hopeless_only_warns_where_that_is_asked_for(caplog):
    tell([HOPELESS], ends=False)
    assert caplog.messages == [HOPELESS.message]

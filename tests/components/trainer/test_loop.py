"""The loop: Keras' own steps, callbacks and epochs, and what ends or interrupts it."""

import logging
import os
import signal
from contextlib import contextmanager

import keras
import numpy as np
import pytest

from components.trainer.building import built
from components.trainer.callbacks import StopOnNonFinite, TrainingDiverged, build_callbacks
from components.trainer.checkpoints import Checkpoints
from components.trainer.doctor.findings import Doctor, Facts, Finding, TrainingHopeless
from components.trainer.doctor.rounds import DoctorRounds
from components.trainer.loop import Reports, TrainingInterrupted, TrainingLoop
from components.trainer.model import FaceEmbeddingModel, build_arcface_model
from components.trainer.optim.optimizers import build_optimizer
from components.trainer.optim.schedules import build_schedule
from components.trainer.state import values_of
from tests.components.trainer.small import PEOPLE, images_for, patterns, small_settings

FACTS = Facts(
    centres=PEOPLE,
    people=PEOPLE,
    train_images=18,
    largest_share=1 / 3,
    batch_size=6,
    total_steps=6,
)


class Seen(keras.callbacks.Callback):
    """Keeps what Keras' callbacks are called with, in their order."""

    def __init__(self):
        super().__init__()
        self.calls, self.losses, self.rates = [], [], []

    def on_train_begin(self, logs=None):
        self.calls.append("begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(batch)
        self.losses.append(logs["loss"])
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(sorted(logs))

    def on_train_end(self, logs=None):
        self.calls.append("end")


class At(keras.callbacks.Callback):
    """Does something after a step, counted from 1."""

    def __init__(self, step, action):
        super().__init__()
        self._left, self._action = step, action

    def on_train_batch_end(self, batch, logs=None):
        self._left -= 1
        if self._left == 0:
            self._action(self.model)


@contextmanager
def loop_of(settings, callbacks=(), doctor=None, every=10, images=None, **arguments):
    """A loop on the images of `patterns`, and its classifier."""
    images = images or images_for(settings)
    with built(settings, PEOPLE) as parts:
        variables = parts.classifier.embedding_model.trainable_variables
        loop = TrainingLoop(
            parts,
            build_schedule(settings.training, images.steps_per_epoch),
            images,
            epochs=settings.training.epochs,
            rounds=DoctorRounds(doctor or Doctor(FACTS), variables, 6, every=every),
            callbacks=callbacks,
            **arguments,
        )
        yield loop, parts


def worse(epoch):
    """A validation by which no epoch is as good as the one before."""
    return {"val_loss": float(epoch)}


def weights_of(parts):
    return [*parts.classifier.embedding_model.get_weights(), *parts.classifier.head.get_weights()]


def assert_bit_equal(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "sgd", "momentum": 0.0},
        {"optimizer": "sgd", "weight_decay": 0.01, "clip_norm": 0.5},
        {"optimizer": "adam", "accumulate": 2},
    ],
)
def test_losses_and_weights_are_those_of_keras_fit_on_the_same_batches(tiny_backbone, optimizer):
    settings = small_settings(epochs=2, schedule="constant", **optimizer)
    images = images_for(settings)
    mine, kerass = Seen(), Seen()
    with loop_of(settings, [mine], images=images) as (loop, parts):
        first = weights_of(parts)
        history = loop.run()
        trained = weights_of(parts)
    model = settings.model
    embedding_model = FaceEmbeddingModel(model.input_shape, model.embedding_dim, 0.0, model.l2_reg)
    classifier = build_arcface_model(
        embedding_model,
        PEOPLE,
        model.arcface_margin,
        model.arcface_scale,
        optimizer=build_optimizer(settings.training),
    )
    assert len(classifier.get_weights()) == len(first)
    classifier.set_weights(first)
    steps = images.steps_per_epoch
    fitted = classifier.fit(
        images.batches().take(2 * steps),
        epochs=2,
        steps_per_epoch=steps,
        callbacks=[kerass],
        verbose=0,
    )
    np.testing.assert_allclose(mine.losses, kerass.losses, rtol=1e-5)
    np.testing.assert_allclose(history["loss"], fitted.history["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], fitted.history["accuracy"], rtol=1e-6)
    for weight, expected in zip(trained, classifier.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)


def test_callbacks_are_called_as_keras_calls_them(tiny_backbone):
    seen = Seen()
    with loop_of(small_settings(), [seen]) as (loop, _):
        loop.run()
    of_epoch = [0, 1, 2, ["accuracy", "learning_rate", "loss"]]
    assert seen.calls == ["begin", "epoch 0", *of_epoch, "epoch 1", *of_epoch, "end"]
    assert seen.params == {"epochs": 2, "steps": 3, "verbose": 0}


def test_rate_and_margin_follow_the_schedule_in_each_step(tiny_backbone):
    settings = small_settings(epochs=4, schedule="cosine", warmup_epochs=1.5, margin_warmup=2.0)
    seen, shares = Seen(), []
    share = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: shares.append(
            float(parts.classifier.loss.margin_share)
        )
    )
    with loop_of(settings, [seen, share]) as (loop, parts):
        history = loop.run()
    schedule = build_schedule(settings.training, 3)
    np.testing.assert_allclose(seen.rates, [schedule.rate(step) for step in range(12)], rtol=1e-6)
    np.testing.assert_allclose(shares, [schedule.margin_share(step) for step in range(12)])
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert history["learning_rate"] == pytest.approx(seen.rates[2::3])


UP_TO_FOUR = {"epochs": 4, "reduce_lr_patience": 1, "early_stopping_patience": 2}
# What a training has between two steps beside weights and momentum.
STATEFUL = {
    "plateau": small_settings(**UP_TO_FOUR),
    "averages and draws": small_settings(
        {"loss": "adaface", "dropout_rate": 0.5},
        **UP_TO_FOUR,
        ema=0.9,
        accumulate=2,
        schedule="cosine",
    ),
    "loss scale": small_settings(
        **UP_TO_FOUR, mixed_precision="float16", optimizer="adamw", weight_decay=0.01
    ),
    "rows": small_settings(
        {"partial_fc": 0.7}, **UP_TO_FOUR, optimizer="sgd", warmup_epochs=1.0, margin_warmup=2.0
    ),
}


@pytest.mark.parametrize("settings", STATEFUL.values(), ids=STATEFUL)
def test_measuring_the_time_of_a_step_leaves_no_trace(tiny_backbone, settings):
    with loop_of(settings) as (loop, _):
        before = values_of(loop._variables())
        assert loop.time_of_a_step() > 0.0
        after = values_of(loop._variables())
    assert before.keys() == after.keys()
    assert_bit_equal(before.values(), after.values())


def test_who_wants_to_know_is_told_the_duration_and_what_the_doctor_sees(tiny_backbone):
    told, durations = [], []
    reports = Reports(lambda step, figures: told.append((step, figures)), durations.append)
    with loop_of(small_settings(epochs=3), every=4, reports=reports) as (loop, _):
        loop.run()
    assert [step for step, _ in told] == [4, 8]
    figures = told[0][1]
    assert {"loss", "accuracy", "angle_own", "gradient_norm", "images_per_second"} <= set(figures)
    assert all(np.isfinite(value) for value in figures.values())
    (duration,) = durations
    assert "9 steps" in duration


class Pessimist(Doctor):
    """Gives a training up at a step."""

    def look(self, step, statistics):
        return [Finding("at_chance", "there is no hope", hopeless=True)] if step == 4 else []


def test_a_hopeless_training_ends_and_the_checkpoint_before_stays(tiny_backbone, tmp_path):
    checkpoints = Checkpoints(str(tmp_path))
    with (
        loop_of(
            small_settings(),
            doctor=Pessimist(FACTS),
            every=2,
            checkpoints=checkpoints,
            checkpoint_steps=1,
        ) as (loop, _),
        pytest.raises(TrainingHopeless, match="there is no hope"),
    ):
        loop.run()
    checkpoints.wait()
    assert checkpoints.newest().step == 3


def spoil(model):
    """Puts NaN where no loss has seen it yet."""
    model.trainable_variables[0].assign(model.trainable_variables[0] * np.nan)


@pytest.mark.parametrize("stops", [[StopOnNonFinite()], []])
def test_weights_that_are_no_numbers_are_never_kept(tiny_backbone, tmp_path, stops):
    checkpoints = Checkpoints(str(tmp_path))
    callbacks = [*stops, At(4, spoil)]
    with (
        loop_of(small_settings(), callbacks, checkpoints=checkpoints, checkpoint_steps=1) as (
            loop,
            _,
        ),
        pytest.raises(TrainingDiverged, match="a weight is not finite after step 4"),
    ):
        loop.run()
    checkpoints.wait()
    assert checkpoints.newest().step == 3


def test_a_loss_that_is_no_number_ends_the_training_and_the_checkpoint_before_stays(
    tiny_backbone, tmp_path
):
    checkpoints = Checkpoints(str(tmp_path))
    with (
        loop_of(small_settings(), [StopOnNonFinite(), At(4, spoil)], checkpoints=checkpoints) as (
            loop,
            _,
        ),
        pytest.raises(TrainingDiverged, match="loss is nan in epoch 2, batch 2"),
    ):
        loop.run()
    checkpoints.wait()
    assert checkpoints.newest().step == 3


def test_images_that_show_nothing_are_told_before_the_first_step(tiny_backbone):
    settings = small_settings()
    pixels, labels = patterns()
    images = images_for(settings, (np.zeros_like(pixels), labels))
    seen = Seen()
    with (
        loop_of(settings, [seen], images=images) as (loop, _),
        pytest.raises(TrainingHopeless, match="the inputs are constant"),
    ):
        loop.run()
    assert seen.calls == ["begin"]


def test_a_callback_that_stops_within_an_epoch_ends_it(tiny_backbone):
    seen = Seen()
    stop = At(5, lambda model: setattr(model, "stop_training", True))
    with loop_of(small_settings(epochs=9), [seen, stop]) as (loop, _):
        history = loop.run()
    assert len(history["loss"]) == 2
    assert seen.calls[-4:] == [0, 1, ["accuracy", "learning_rate", "loss"], "end"]


class Asked(Exception):
    """Raised by the handler of this test's own process."""


@pytest.fixture
def handled():
    """SIGTERM raises `Asked` for the time of a test."""

    def handle(number, frame):
        raise Asked

    former = signal.signal(signal.SIGTERM, handle)
    yield
    signal.signal(signal.SIGTERM, former)


def terminate(model):
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def interrupted(handled, caplog):
    """Runs a loop that gets SIGTERM after a step, and gives what the log has said."""

    def run(settings, step, checkpoints=None, callbacks=(), **arguments):
        callbacks = [*callbacks, At(step, terminate)]
        with (
            loop_of(settings, callbacks, checkpoints=checkpoints, **arguments) as (loop, _),
            caplog.at_level(logging.WARNING),
            pytest.raises(Asked) as error,
        ):
            loop.run()
        assert isinstance(error.value.__context__, TrainingInterrupted)
        return caplog.text

    return run


def test_a_training_that_is_asked_to_end_says_how_to_go_on(tiny_backbone, tmp_path, interrupted):
    said = interrupted(small_settings(), 4, Checkpoints(str(tmp_path)))
    assert "kept after step 4; the same command goes on from there" in said
    assert Checkpoints(str(tmp_path)).newest().step == 4


def test_a_training_that_is_kept_nowhere_says_so_when_it_is_asked_to_end(
    tiny_backbone, interrupted
):
    assert "its state is kept nowhere" in interrupted(small_settings(), 4)


@pytest.mark.parametrize("settings", STATEFUL.values(), ids=STATEFUL)
def test_a_training_that_goes_on_ends_as_one_that_was_not_interrupted(
    tiny_backbone, tmp_path, interrupted, settings
):
    def callbacks():
        return build_callbacks(settings.training, "val_loss")

    with loop_of(settings, [*callbacks(), Seen()], validate=worse) as (loop, _):
        history = loop.run()
        expected = values_of(loop._variables())
    assert history["val_loss"] == [1.0, 2.0, 3.0]  # early stopping ends it
    assert history["learning_rate"][-1] < history["learning_rate"][0]

    interrupted(settings, 8, Checkpoints(str(tmp_path)), callbacks(), validate=worse)
    seen = Seen()
    with loop_of(
        settings, [*callbacks(), seen], validate=worse, checkpoints=Checkpoints(str(tmp_path))
    ) as (loop, _):
        assert loop.run() == history
        assert_bit_equal(values_of(loop._variables()).values(), expected.values())
    assert seen.calls[:3] == ["begin", "epoch 2", 2]


def test_a_training_that_is_complete_only_gives_what_it_has(tiny_backbone, tmp_path):
    settings = small_settings(**UP_TO_FOUR)
    results = []
    for _ in range(2):
        seen, checkpoints = Seen(), Checkpoints(str(tmp_path))
        callbacks = [*build_callbacks(settings.training, "val_loss"), seen]
        with loop_of(settings, callbacks, validate=worse, checkpoints=checkpoints) as (loop, parts):
            results.append((loop.run(), weights_of(parts)))
        checkpoints.wait()
    assert seen.calls == ["begin", "end"]
    (history, weights), (again, same) = results
    assert history == again
    assert_bit_equal(weights, same)

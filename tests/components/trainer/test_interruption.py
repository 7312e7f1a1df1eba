"""Signals to a training, put off until its state is kept."""

import os
import signal

import pytest

from components.trainer.interruption import signals_put_off


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


def test_a_signal_is_noted_and_raised_at_the_end(handled):
    noted = []

    def train():
        with signals_put_off() as interruption:
            os.kill(os.getpid(), signal.SIGTERM)
            noted.append(interruption.signal)

    with pytest.raises(Asked):
        train()
    assert noted == [signal.SIGTERM]


def test_without_a_signal_nothing_is_raised_and_the_handlers_are_as_before(handled):
    former = signal.getsignal(signal.SIGTERM)
    with signals_put_off() as interruption:
        assert signal.getsignal(signal.SIGTERM) != former
    assert interruption.signal is None
    assert signal.getsignal(signal.SIGTERM) == former


def test_an_ignored_signal_stays_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_put_off() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.signal is None
    finally:
        signal.signal(signal.SIGHUP, former)

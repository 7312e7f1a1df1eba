"""How often a client may ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.service import rate
from serving.service.rate import RateLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_quiet_client_may_ask_a_few_times_at_once_and_then_at_the_rate():
    clock = Clock()
    limit = RateLimit(2.0, 3, clock)
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now = 0.5
    assert [limit.wait("a") for _ in range(2)] == [0, 0.5]


def test_a_client_is_not_held_up_by_another():
    limit = RateLimit(1.0, 1, Clock())
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    assert limit.wait("b") == 0


def test_no_rate_is_no_limit():
    limit = RateLimit(0, 1, Clock())
    assert not any(limit.wait("a") for _ in range(100))


def test_the_clients_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(rate, "_MAX_CLIENTS", 2)
    limit = RateLimit(1.0, 1, Clock())
    for client in "abc":
        limit.wait(client)
    assert limit.wait("a") == 0  # forgotten, as the quietest
    assert limit.wait("c") > 0


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5))
def test_never_more_are_let_through_than_rate_and_burst_allow(pauses, burst):
    clock = Clock()
    limit = RateLimit(2.0, burst, clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        allowed += limit.wait("a") == 0
        assert allowed <= burst + 2.0 * clock.now + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 20))
def test_after_the_wait_that_is_told_a_request_goes_through(per_second, burst):
    clock = Clock()
    limit = RateLimit(per_second, burst, clock)
    while not (wait := limit.wait("a")):
        pass
    clock.now += wait * (1 + 1e-9) + 1e-9
    assert limit.wait("a") == pytest.approx(0)

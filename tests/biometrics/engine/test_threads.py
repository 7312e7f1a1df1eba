"""Work that threads share."""

import os
import threading

import pytest

from biometrics.engine.threads import share, usable_cores


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_is_taken_once_however_many_work(workers):
    taken = []
    share(range(100), [taken.append] * workers)
    assert sorted(taken) == list(range(100))


def test_the_first_worker_works_in_the_thread_of_the_caller():
    threads = []
    share(range(3), [lambda _: threads.append(threading.current_thread())])
    assert threads == [threading.current_thread()] * 3


def test_no_more_threads_are_started_than_there_are_items():
    before = threading.active_count()
    most = []
    share(range(1), [lambda _: most.append(threading.active_count())] * 50)
    assert most == [before]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_a_worker_ends_the_others_and_reaches_the_caller(failing):
    failed, taken = threading.Event(), []

    def fail(_):
        failed.set()
        raise MemoryError("no more")

    def take(item):
        failed.wait()
        taken.append(item)

    workers = [fail, take] if failing == 0 else [take, fail]
    with pytest.raises(MemoryError, match="no more"):
        share(range(10**6), workers)
    assert len(taken) < 10**6 - 1


def test_only_the_cores_that_this_process_may_use_count():
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, usable)

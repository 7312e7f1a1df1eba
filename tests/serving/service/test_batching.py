"""Items of many requests in batches."""

import threading
import time

import pytest

from serving.service.batching import Batcher, ClosedError

FOREVER = 60.0


class Gate:
    """Doubles numbers, when it is opened; notes the batches."""

    def __init__(self):
        self.batches = []
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, batch):
        self.batches.append(list(batch))
        self.entered.set()
        assert self.opened.wait(FOREVER)
        return [2 * number for number in batch]


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def batcher(gate):
    batcher = Batcher(gate, max_batch=4, max_wait=FOREVER)
    yield batcher
    gate.opened.set()
    batcher.close()


def test_an_item_that_is_alone_does_not_wait(gate, batcher):
    gate.opened.set()
    start = time.monotonic()
    assert batcher.submit(3).result() == 6
    assert time.monotonic() - start < FOREVER / 2


def test_what_comes_while_the_worker_is_busy_is_one_batch_of_bounded_size(gate, batcher):
    first = batcher.submit(0)
    assert gate.entered.wait(FOREVER)
    others = [batcher.submit(number) for number in range(1, 7)]
    assert batcher.waiting == 6
    gate.opened.set()
    assert [future.result() for future in (first, *others)] == [0, 2, 4, 6, 8, 10, 12]
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_a_batch_waits_for_what_is_announced(gate, batcher):
    gate.opened.set()
    with batcher.announced():
        first = batcher.submit(1)
        second = batcher.submit(2)
    assert (first.result(), second.result()) == (2, 4)
    assert gate.batches == [[1, 2]]


def test_and_no_longer_than_it_may(gate):
    gate.opened.set()
    batcher = Batcher(gate, max_batch=4, max_wait=0.01)
    with batcher.announced():
        assert batcher.submit(1).result(FOREVER) == 2
    batcher.close()


def test_free_workers_share_what_waits():
    both, batches = threading.Barrier(2, timeout=FOREVER), []

    def work(batch):
        batches.append(batch)
        both.wait()
        return batch

    batcher = Batcher(work, max_batch=4, max_wait=FOREVER, workers=2)
    with batcher.announced():
        futures = [batcher.submit(number) for number in range(3)]
    assert [future.result() for future in futures] == [0, 1, 2]
    assert sorted(batches) == [[0, 1], [2]]
    batcher.close()


def test_an_item_that_nobody_waits_for_is_left_out(gate, batcher):
    batcher.submit(0)
    assert gate.entered.wait(FOREVER)
    cancelled, wanted = batcher.submit(1), batcher.submit(2)
    cancelled.cancel()
    gate.opened.set()
    assert wanted.result() == 4
    assert gate.batches == [[0], [2]]


def test_an_error_is_that_of_its_batch_alone():
    def work(batch):
        if batch == [0]:
            raise ValueError("zero")
        return batch

    batcher = Batcher(work, max_batch=1, max_wait=0)
    wrong, right = batcher.submit(0), batcher.submit(1)
    with pytest.raises(ValueError, match="zero"):
        wrong.result()
    assert right.result() == 1
    batcher.close()


def test_what_waits_is_answered_before_it_closes_and_nothing_is_taken_after(gate):
    batcher = Batcher(gate, max_batch=1, max_wait=0)
    futures = [batcher.submit(number) for number in range(3)]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    gate.opened.set()
    closing.join()
    assert [future.result(0) for future in futures] == [0, 2, 4]
    with pytest.raises(ClosedError):
        batcher.submit(1)

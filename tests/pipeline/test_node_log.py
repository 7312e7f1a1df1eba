"""The nodes, as LocalDagRunner logs them."""

import logging

import pytest

from pipeline.node_log import NodeListener

LOGGER = logging.getLogger("absl")


class Noting(NodeListener):
    def __init__(self):
        super().__init__()
        self.notes = []

    def on_start(self, node):
        self.notes.append(node)

    def on_cached(self):
        self.notes.append("cached")

    def on_finish(self):
        self.notes.append("finished")


@pytest.fixture(autouse=True)
def info_level():
    former = LOGGER.level
    LOGGER.setLevel(logging.INFO)
    yield
    LOGGER.setLevel(former)


def log_a_node():
    LOGGER.info("Component %s is running.", "Trainer")
    LOGGER.info("Running launcher for %s", "Trainer")
    LOGGER.info("A cached execution %d is used.", 7)
    LOGGER.info("Component %s is finished.", "Trainer")


def test_start_cache_and_end_of_a_node_are_heard_while_one_listens():
    listener = Noting()
    log_a_node()
    with listener.listening():
        log_a_node()
    log_a_node()
    assert listener.notes == ["Trainer", "cached", "finished"]


def test_a_listener_need_not_care_for_everything():
    with NodeListener().listening():
        log_a_node()

"""The engines that the tests of this folder start; `make test-engines` installs them before."""

import pytest

from components.run_environment import IN_PROCESS_BEAM
from tests.conftest import write_faces
from tests.engines.flink import flink_cluster
from tests.engines.spark import spark
from tests.engines.steps import run_data_steps


def pytest_collection_modifyitems(items):
    """All tests here need the engines."""
    for item in items:
        if "tests/engines/" in item.nodeid:
            item.add_marker("engines")


@pytest.fixture(scope="session")
def flink(tmp_path_factory):
    """A Flink session cluster of two TaskManagers."""
    with flink_cluster(tmp_path_factory.mktemp("flink")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark_args(tmp_path_factory):
    """The options of Beam that run a pipeline on Spark."""
    with spark(tmp_path_factory.mktemp("spark")) as args:
        yield args


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("images") / "faces", people=20, shots=10)


@pytest.fixture(scope="session")
def of_a_local_run(images, tmp_path_factory):
    return run_data_steps(images, tmp_path_factory.mktemp("local"), list(IN_PROCESS_BEAM))

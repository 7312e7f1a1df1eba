"""The engines that the tests of this folder start; `make test-engines` installs them before."""

import shutil

import pytest

from tests.engines.flink import JOB_SERVER, flink_cluster


def pytest_collection_modifyitems(items):
    """All tests here need the engines."""
    for item in items:
        if "tests/engines/" in item.nodeid:
            item.add_marker("engines")


@pytest.fixture(scope="session")
def flink(tmp_path_factory):
    """A Flink session cluster of two TaskManagers."""
    if shutil.which("java") is None:
        pytest.skip("there is no Java here")
    if not JOB_SERVER.exists():
        pytest.fail(f"{JOB_SERVER} is missing: make test-engines builds it")
    with flink_cluster(tmp_path_factory.mktemp("flink")) as cluster:
        yield cluster

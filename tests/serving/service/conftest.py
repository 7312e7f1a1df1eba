"""What the tests of the service share."""

import pytest

from tests.serving.service.running import push, running


@pytest.fixture(scope="package")
def serving_folder(tmp_path_factory):
    """A serving folder with a version."""
    return push(tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="package")
def service(serving_folder):
    """A service without tokens."""
    with running(serving_folder) as (_, service):
        yield service


@pytest.fixture(scope="package")
def client(serving_folder):
    """A client of a service without tokens."""
    with running(serving_folder) as (client, _):
        yield client

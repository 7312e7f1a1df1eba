"""What the tests of the service share."""

import pytest

from tests.serving.service.running import push, running


@pytest.fixture(scope="package")
def serving_folder(tmp_path_factory):
    """A serving folder with a version."""
    return push(tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="package")
def client(serving_folder, tmp_path_factory):
    """A client of a service with a gallery and without tokens."""
    gallery = tmp_path_factory.mktemp("gallery") / "people.db"
    with running(serving_folder, gallery=gallery) as (client, _):
        yield client

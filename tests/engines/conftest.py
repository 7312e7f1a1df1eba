"""The engines that the tests of this folder start; `make test-engines` installs them before."""

import fsspec
import pytest

from components.run_environment import IN_PROCESS_BEAM
from engines.flink import flink_cluster
from engines.servers import BUCKET, seaweedfs
from engines.spark import spark
from faces import remote
from tests.conftest import write_faces
from tests.engines.steps import run_data_steps
from tests.s3_server import KEY_ID, SECRET


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


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The bucket's files, where the images are; the environment leads there."""
    with seaweedfs(KEY_ID, SECRET) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "NO_PROXY": "127.0.0.1",
        }.items():
            patch.setenv(name, value)
        remote._file_system.cache_clear()
        files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        files.mkdir(BUCKET)
        faces = write_faces(tmp_path_factory.mktemp("faces") / "faces", people=8, shots=5)
        files.put(str(faces), f"{BUCKET}/", recursive=True)
        yield files
    remote._file_system.cache_clear()

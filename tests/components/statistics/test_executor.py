"""StatisticsGen in folders whose names look like patterns."""

import shutil
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import channel, standard_artifacts

from benchmarks.steps import executor_of, new_artifact, run_example_gen
from components.statistics.component import StatisticsGen
from components.statistics.executor import Executor
from faces.contract import SCALAR_FEATURES
from tests.conftest import write_faces


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    faces = write_faces(folder / "faces", people=6, shots=4)
    return run_example_gen(faces, folder / "gen")["examples"]


def run_statistics_gen(examples, target):
    component = StatisticsGen(channel.Channel(type=standard_artifacts.Examples), SCALAR_FEATURES)
    statistics = new_artifact(standard_artifacts.ExampleStatistics, target)
    executor_of(Executor, target.parent / "tmp").Do(
        {"examples": [examples]}, {"statistics": [statistics]}, component.exec_properties
    )
    return statistics


@pytest.mark.parametrize("name", ["plain", "odd [x] a*b ?"])
def test_statistics_are_those_of_the_examples_whatever_their_folder_is_called(
    examples, tmp_path, name
):
    copied = new_artifact(standard_artifacts.Examples, tmp_path / name)
    copied.copy_from(examples)
    copied.uri = str(tmp_path / name / "examples")
    shutil.copytree(examples.uri, copied.uri)
    statistics = run_statistics_gen(copied, tmp_path / name / "statistics")
    assert statistics.uri == str(tmp_path / name / "statistics")
    assert copied.uri == str(tmp_path / name / "examples")
    content = (Path(statistics.uri) / "Split-train/FeatureStats.pb").read_bytes()
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
    assert dataset.num_examples > 10
    assert len(dataset.features) == len(SCALAR_FEATURES)

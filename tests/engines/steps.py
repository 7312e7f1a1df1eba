"""The steps on Beam, each by its executor, wherever Beam's options say."""

import hashlib
from pathlib import Path

from tfx.types import channel, standard_artifacts

from benchmarks.steps import executor_of, new_artifact, run_example_gen, run_transform
from components.run_environment import beam_variables, in_environment
from components.statistics.component import StatisticsGen
from components.statistics.executor import Executor as StatisticsExecutor
from faces.contract import SCALAR_FEATURES

SHAPE = (32, 32, 3)


def run_data_steps(images: Path, target: Path, beam_args: list[str]) -> dict[str, str]:
    """ImageExampleGen and ImageTransform; the digest of each file, by its path."""
    with in_environment(beam_variables(beam_args)):
        examples = run_example_gen(images, target / "example_gen")["examples"]
        run_transform(examples, target / "transform", SHAPE)
    return digests(target)


def run_statistics(images: Path, target: Path, beam_args: list[str]) -> dict[str, str]:
    """StatisticsGen of what ImageExampleGen makes here; the digest of each file, by its path."""
    examples = run_example_gen(images, target / "example_gen")["examples"]
    statistics = new_artifact(standard_artifacts.ExampleStatistics, target / "statistics")
    component = StatisticsGen(channel.Channel(type=standard_artifacts.Examples), SCALAR_FEATURES)
    with in_environment(beam_variables(beam_args)):
        executor_of(StatisticsExecutor, target / "tmp").Do(
            {"examples": [examples]}, {"statistics": [statistics]}, component.exec_properties
        )
    return digests(Path(statistics.uri))


def digests(target: Path) -> dict[str, str]:
    """SHA-256 of each file, by its path."""
    return {
        str(file.relative_to(target)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(target.rglob("*"))
        if file.is_file()
    }

"""Which statistics new ones are compared with."""

import shutil

import pytest
from tfx.types import standard_artifacts

from benchmarks.steps import new_artifact
from components.validation.resolver import CURRENT_KEY, STATISTICS_KEY, StatisticsBeforeStrategy


@pytest.fixture
def made(tmp_path):
    """Statistics of the spans 1, 2 and 2, by their number."""
    found = {}
    for number, span in ((1, 1), (2, 2), (3, 2)):
        found[number] = new_artifact(
            standard_artifacts.ExampleStatistics, tmp_path / f"{number}", number
        )
        found[number].span = span
    return found


def before(made, current):
    inputs = {STATISTICS_KEY: list(made.values()), CURRENT_KEY: [made[current]]}
    resolved = StatisticsBeforeStrategy().resolve_artifacts(None, inputs)
    assert resolved[CURRENT_KEY] == [made[current]]
    return [statistics.id for statistics in resolved[STATISTICS_KEY]]


def test_they_are_the_last_that_came_before(made):
    assert before(made, current=3) == [2]
    assert before(made, current=2) == [1]
    assert before(made, current=1) == []


def test_a_later_span_that_was_read_earlier_does_not_come_before(made):
    made[1].span = 3
    assert before(made, current=3) == [2]
    assert before(made, current=1) == [3]


def test_those_whose_files_are_gone_are_passed_over(made):
    shutil.rmtree(made[2].uri)
    assert before(made, current=3) == [1]

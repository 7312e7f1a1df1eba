"""A training that is killed and started again ends as one that was not, bit for bit."""

import signal

import pytest

from benchmarks.resume import STEPS, Trainings, digest_in


@pytest.fixture(scope="module")
def trainings() -> Trainings:
    return Trainings()


@pytest.fixture(scope="module")
def undisturbed(trainings, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("undisturbed")
    trainings.run(folder)
    return digest_in(folder)


def test_weights_and_history_are_those_of_a_training_that_was_not_killed(
    trainings, undisturbed, tmp_path
):
    began = [trainings.run(tmp_path, kill_after=step)[0] for step in (7, 41, 90)]
    first, last = trainings.run(tmp_path)
    assert digest_in(tmp_path) == undisturbed
    assert began[0] == 0 < began[1] < began[2] < first
    assert last <= STEPS
    assert not (tmp_path / "state").exists()


def test_a_training_that_is_asked_to_end_loses_no_step(trainings, undisturbed, tmp_path):
    _, stopped = trainings.run(tmp_path, kill_after=29, by=signal.SIGTERM)
    assert (tmp_path / "state" / f"step-{stopped:012d}" / "state.json").is_file()
    first, _ = trainings.run(tmp_path)
    assert first == stopped
    assert digest_in(tmp_path) == undisturbed

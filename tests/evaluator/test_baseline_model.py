"""Where the model comes from that a candidate is compared with."""

import pytest
from tfx.types import standard_artifacts

from components.evaluator.baseline_model import find_baseline
from tests.stages import new_artifact


def push(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "saved_model.pb").touch()


@pytest.fixture
def pushed(tmp_path):
    push(tmp_path / "models", "999", "1000", "20")
    return tmp_path / "models"


def test_the_newest_pushed_model_is_the_one_of_the_highest_number(pushed):
    baseline = find_baseline(None, str(pushed))
    assert baseline.path == baseline.uri == str(pushed / "1000")
    assert baseline.artifact_id is None


def test_other_folders_and_half_pushed_models_are_passed_over(pushed):
    push(pushed, "backup-5000")
    (pushed / "2000" / "variables").mkdir(parents=True)  # saved_model.pb comes last
    assert find_baseline(None, str(pushed)).path == str(pushed / "1000")


def test_the_model_that_a_resolver_found_goes_before_a_pushed_one(pushed, tmp_path):
    model = new_artifact(standard_artifacts.Model, tmp_path / "model", artifact_id=7)
    baseline = find_baseline([model], str(pushed))
    assert (baseline.uri, baseline.artifact_id) == (model.uri, 7)
    assert baseline.path == f"{model.uri}/Format-Serving"


def test_before_the_first_push_there_is_no_baseline(tmp_path):
    assert find_baseline(None, str(tmp_path)) is None
    assert find_baseline(None, str(tmp_path / "nowhere")) is None
    assert find_baseline([], None) is None

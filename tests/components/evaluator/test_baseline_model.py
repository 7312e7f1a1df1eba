"""Where the model comes from that a candidate is compared with."""

import pytest
from tfx.types import standard_artifacts

from benchmarks.steps import new_artifact
from components.evaluator.baseline_model import find_baseline
from tests.serving.versions import write_model, write_version


@pytest.fixture
def pushed(tmp_path):
    for name in ("999", "1000", "20"):
        write_version(tmp_path / "models" / name)
    return tmp_path / "models"


def test_the_newest_pushed_model_is_the_one_of_the_highest_number(pushed):
    baseline = find_baseline(None, str(pushed))
    assert baseline.path == baseline.uri == str(pushed / "1000")
    assert baseline.artifact_id is None


def test_other_folders_and_half_pushed_models_are_passed_over(pushed, caplog):
    write_version(pushed / "backup-5000")
    write_version(pushed / "2000")
    (pushed / "2000" / "saved_model.pb").unlink()  # it comes last
    assert find_baseline(None, str(pushed)).path == str(pushed / "1000")
    assert "2000 has no saved_model.pb: it is not whole" in caplog.text


def test_a_pushed_model_that_no_pack_vouches_for_is_never_loaded(pushed, caplog):
    write_model(pushed / "2000")
    write_version(pushed / "3000")
    (pushed / "3000" / "saved_model.pb").write_bytes(b"of somebody else")
    assert find_baseline(None, str(pushed)).path == str(pushed / "1000")
    assert "2000/assets.extra/thresholds.json: " in caplog.text
    assert "holds the thresholds of another model" in caplog.text


def test_the_model_that_a_resolver_found_goes_before_a_pushed_one(pushed, tmp_path):
    model = new_artifact(standard_artifacts.Model, tmp_path / "model", artifact_id=7)
    baseline = find_baseline([model], str(pushed))
    assert (baseline.uri, baseline.artifact_id) == (model.uri, 7)
    assert baseline.path == f"{model.uri}/Format-Serving"


def test_before_the_first_push_there_is_no_baseline(tmp_path):
    assert find_baseline(None, str(tmp_path)) is None
    assert find_baseline(None, str(tmp_path / "nowhere")) is None
    assert find_baseline([], None) is None

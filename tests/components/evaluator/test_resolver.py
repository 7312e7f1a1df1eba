"""Which blessed model a candidate is compared with."""

import shutil

import pytest
from tfx.types import standard_artifacts

from benchmarks.steps import new_artifact
from components.evaluator.resolver import CANDIDATE_KEY, LatestOtherBlessedModelStrategy


@pytest.fixture
def models(tmp_path):
    """Three models with their files, the newest first; each of them blessed."""
    found = []
    for number in (3, 2, 1):
        model = new_artifact(standard_artifacts.Model, tmp_path / f"model/{number}", number)
        serving = tmp_path / f"model/{number}/Format-Serving"
        serving.mkdir()
        (serving / "saved_model.pb").touch()
        found.append(model)
    return found


def blessing_of(model):
    blessing = standard_artifacts.ModelBlessing()
    blessing.id = 10 + model.id
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_int_custom_property("current_model_id", model.id)
    return blessing


def resolved(models, candidate):
    inputs = {
        "model": models,
        "model_blessing": [blessing_of(model) for model in models],
        CANDIDATE_KEY: [candidate],
    }
    return LatestOtherBlessedModelStrategy().resolve_artifacts(None, inputs)["model"]


def test_it_is_the_latest_that_is_not_the_candidate(models):
    newest, second, _ = models
    assert resolved(models, candidate=newest) == [second]
    assert resolved(models, candidate=second) == [newest]


def test_a_model_whose_files_are_gone_is_passed_over(models):
    newest, second, oldest = models
    shutil.rmtree(second.uri)
    assert resolved(models, candidate=newest) == [oldest]


def test_without_any_that_is_there_it_is_none(models):
    newest, *others = models
    for model in others:
        shutil.rmtree(model.uri)
    assert resolved(models, candidate=newest) == []

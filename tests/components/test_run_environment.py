"""What steps find in their environment, and in no cache key."""

import os

import pytest

from components.evaluator import executor as evaluator
from components.example_gen import executor as example_gen
from components.run_environment import (
    TrackingStore,
    beam_args,
    beam_variables,
    in_environment,
    store_variables,
    tracking_store,
)
from components.statistics import executor as statistics
from components.transform import executor as transform

STORE = TrackingStore("http://mlflow:5000", "faces", artifact_dir=None, owner="store-1")


def test_a_step_finds_what_its_run_has_set_and_later_ones_do_not():
    with in_environment(store_variables(STORE) | beam_variables(["--direct_num_workers=2"])):
        assert tracking_store() == STORE
        assert beam_args() == ["--direct_num_workers=2"]
    assert tracking_store() is None
    assert beam_args() == []


def test_without_a_store_or_options_nothing_is_set():
    assert store_variables(None) == beam_variables([]) == {}


def test_former_variables_are_put_back_even_after_an_error(monkeypatch):
    monkeypatch.setenv("GIVEN", "before")
    monkeypatch.delenv("NOT_GIVEN", raising=False)
    with (
        pytest.raises(ValueError, match="broken"),
        in_environment({"GIVEN": "1", "NOT_GIVEN": "2"}),
    ):
        raise ValueError("broken")
    assert os.environ["GIVEN"] == "before"
    assert "NOT_GIVEN" not in os.environ


@pytest.mark.parametrize("step", [evaluator, example_gen, statistics, transform])
@pytest.mark.parametrize(
    ("of_run", "used"), [([], "--of_specification"), (["--of_run"], "--of_run")]
)
def test_the_runs_options_of_beam_take_the_place_of_the_specifications(step, of_run, used):
    # Without an image TFX would build a package of itself.
    image = "--sdk_container_image=none"
    context = step.Executor.Context(beam_pipeline_args=["--of_specification", image])
    with in_environment(beam_variables([*of_run, image] if of_run else [])):
        options = step.Executor(context)._beam_pipeline_args
    assert [option for option in options if option.startswith("--of_")] == [used]

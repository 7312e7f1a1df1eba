"""One MLflow run, in a store of this machine."""

import pytest

from components.tracking.client import Point, RunClient, Start, create_run, find_run, new_client
from components.tracking.run import TrackedRun

FIRST = Point("loss", 0.1 + 0.2, 1700000000000, 1)
NO_NUMBER = Point("val_loss", float("nan"), 1700000000000, 1)


@pytest.fixture
def tracked(tmp_path):
    return TrackedRun(f"sqlite:///{tmp_path}/mlflow.db", "faces")


@pytest.fixture
def run(tracked, tmp_path):
    start = Start(1700000000000, (tmp_path / "artifacts").as_uri())
    run_id = create_run(new_client(tracked.tracking_uri), tracked, start)
    return RunClient(tracked.tracking_uri, run_id)


def test_only_the_points_that_a_run_lacks_are_missing(run):
    run.points([FIRST, NO_NUMBER])
    again = FIRST._replace(time=FIRST.time + 1)
    later = FIRST._replace(step=2)
    other = FIRST._replace(value=0.3)
    everything = [FIRST, NO_NUMBER, again, later, other, Point("new", 1.0, 1, 1)]
    assert run.missing_points(everything) == everything[2:]


def test_more_points_and_parameters_than_one_request_takes_all_arrive(run):
    points = [Point("loss", float(step), 1700000000000 + step, step) for step in range(2001)]
    params = {f"section.key_{number}": str(number) for number in range(201)}
    run.points(points)
    run.params(params)
    assert run.missing_points(points) == []
    assert run.missing_params({**params, "one.more": ""}) == {"one.more": ""}


def test_a_run_is_found_by_its_key_and_no_other_is(tracked, run):
    client = new_client(tracked.tracking_uri)
    run_id = find_run(client, tracked)
    assert run_id is not None
    assert client.get_run(run_id).info.start_time == 1700000000000
    assert find_run(client, TrackedRun(tracked.tracking_uri, "faces")) is None
    assert find_run(client, TrackedRun(tracked.tracking_uri, "no such experiment")) is None


def test_a_run_without_a_model_registers_none(run):
    with pytest.raises(LookupError, match="has no model"):
        run.register("faces", {})

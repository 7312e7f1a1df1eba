"""The machine, as MLflow measures it."""

import psutil
from mlflow import MlflowClient

from components.tracking.run import TrackedRun
from components.tracking.system_metrics import SystemMetrics
from components.tracking.tracker import Tracker


class Clock:
    """Tells the seconds that it was set to."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


def test_the_machine_is_read_every_so_often_and_not_at_every_point():
    clock = Clock()
    system = SystemMetrics(seconds=10.0, clock=clock)
    read = []
    for clock.seconds in (1.0, 2.0, 10.9, 11.0, 12.0, 30.0):
        read.append(bool(system.sample()))
    assert read == [True, False, False, True, False, True]


def test_its_measures_have_mlflows_names_and_the_systems_values():
    measures = SystemMetrics().sample()
    memory = psutil.virtual_memory().total / 1e6
    assert 0 < measures["system/system_memory_usage_megabytes"] <= memory
    assert 0 <= measures["system/cpu_utilization_percentage"] <= 100
    assert {"system/disk_usage_percentage", "system/network_receive_megabytes"} <= set(measures)


def test_a_measure_that_the_system_does_not_tell_costs_nothing_else(monkeypatch):
    system = SystemMetrics()

    def broken():
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "cpu_percent", broken)
    measures = system.sample()
    assert "system/disk_usage_percentage" in measures
    assert not any("cpu" in name for name in measures)


def test_they_are_logged_with_the_figures_of_the_training(tmp_path):
    run = TrackedRun(f"sqlite:///{tmp_path}/mlflow.db", "faces")
    tracker = Tracker(run, system=SystemMetrics())
    tracker.start({}, (tmp_path / "artifacts").as_uri())
    tracker.log_metrics({"loss": 1.0}, step=7)
    client = MlflowClient(run.tracking_uri)
    for name in ("loss", "system/cpu_utilization_percentage"):
        (point,) = client.get_metric_history(tracker.run.run_id, name)
        assert point.step == 7

"""The devices of a training: which there are, what they refuse, and that they change nothing."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.config import TrainingConfig
from components.trainer.devices import (
    DeviceError,
    any_worker,
    build_strategy,
    check_devices,
    is_chief,
    lost_workers_told,
    number_of_workers,
    of_chief,
)
from tests.components.trainer.device_processes import Job, run, workers

TWO_HOSTS = ["10.0.0.1:1", "10.0.0.2:1"]
# The last bits of a float32 sum, by the order in which it is made: two of a loss of 8 to 16.
ROUNDING = {"rtol": 1e-6, "atol": 2e-6}


@pytest.fixture
def cluster(monkeypatch):
    """Sets TF_CONFIG for the time of a test."""

    def set_cluster(hosts, kind, index):
        value = {"cluster": hosts, "task": {"type": kind, "index": index}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(value))

    return set_cluster


@pytest.mark.parametrize(
    ("hosts", "task", "found"),
    [
        ({"worker": TWO_HOSTS}, ("worker", 0), (2, True)),
        ({"worker": TWO_HOSTS}, ("worker", 1), (2, False)),
        ({"chief": TWO_HOSTS[:1], "worker": TWO_HOSTS[1:]}, ("chief", 0), (2, True)),
        ({"chief": TWO_HOSTS[:1], "worker": TWO_HOSTS[1:]}, ("worker", 0), (2, False)),
        ({"worker": TWO_HOSTS[:1]}, ("worker", 0), (1, True)),
        ({"worker": TWO_HOSTS[:1], "ps": TWO_HOSTS[1:]}, ("worker", 0), (1, True)),
    ],
)
def test_the_cluster_names_the_workers_and_the_chief(cluster, hosts, task, found):
    cluster(hosts, *task)
    assert (number_of_workers(), is_chief()) == found


def test_a_process_alone_is_the_chief_and_agrees_with_itself(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert (number_of_workers(), is_chief()) == (1, True)
    assert of_chief(0.25) == 0.25
    assert (any_worker(True), any_worker(False)) == (True, False)


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_a_cluster_that_cannot_be_read_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(DeviceError, match="TF_CONFIG must be a JSON object"):
        number_of_workers()


def test_workers_that_are_joined_too_late_are_told_what_to_call_first(cluster, monkeypatch):
    tf.constant(0)  # TensorFlow has begun
    cluster({"worker": TWO_HOSTS}, "worker", 0)
    with pytest.raises(DeviceError, match=r"call .*devices\.build_strategy first"):
        build_strategy("auto")


def test_one_device_and_several_workers_contradict_each_other(cluster):
    cluster({"worker": TWO_HOSTS}, "worker", 0)
    with pytest.raises(DeviceError, match="strategy is one, and TF_CONFIG names several workers"):
        build_strategy("one")


@pytest.mark.parametrize(
    ("strategy", "gpus", "mirrored"), [("auto", 2, True), ("auto", 1, False), ("one", 2, False)]
)
def test_auto_takes_all_gpus_of_a_machine(monkeypatch, strategy, gpus, mirrored):
    all_gpus = object()
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind] * gpus)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: all_gpus)
    assert (build_strategy(strategy) is all_gpus) == mirrored


def test_accumulation_is_refused_on_several_devices_and_not_on_one():
    training = TrainingConfig(accumulate=4)
    check_devices(training, 1)
    check_devices(TrainingConfig(), 2)
    with pytest.raises(DeviceError, match="accumulate works on one device, and there are 2"):
        check_devices(training, 2)


def test_only_in_a_cluster_does_an_operation_that_ends_say_that_a_worker_is_gone(cluster):
    gone = tf.errors.UnavailableError(None, None, "collective")
    with pytest.raises(tf.errors.UnavailableError), lost_workers_told():
        raise gone
    cluster({"worker": TWO_HOSTS}, "worker", 0)
    with (
        pytest.raises(DeviceError, match="another worker of the training is gone"),
        lost_workers_told(),
    ):
        raise gone


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Job:
    """A training on one device."""
    job = Job(tmp_path_factory.mktemp("alone"))
    assert run([job]) == [0]
    return job


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> list[Job]:
    """The same training by two workers, which ran through."""
    folder = tmp_path_factory.mktemp("together")
    jobs = workers(folder, state=folder / "state")
    assert run(jobs) == [0, 0]
    return jobs


def assert_same_training(job: Job, alone: Job) -> None:
    ours, theirs = job.trained, alone.trained
    assert ours["first"] == 1
    np.testing.assert_allclose(ours["losses"], theirs["losses"], **ROUNDING)
    np.testing.assert_allclose(ours["val_loss"], theirs["val_loss"], rtol=1e-4)
    for weight, other in zip(job.weights, alone.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-5)


def test_two_devices_train_as_one(alone, tmp_path):
    job = Job(tmp_path, devices=2)
    assert run([job]) == [0]
    assert_same_training(job, alone)


def test_two_workers_train_as_one_and_have_the_same_weights(alone, together):
    chief, other = together
    assert_same_training(chief, alone)
    for weight, same in zip(chief.weights, other.weights, strict=True):
        np.testing.assert_array_equal(weight, same)


def test_only_the_chief_writes(together):
    chief, other = together
    assert list((chief.folder / "tensorboard").rglob("events.out.*"))
    assert [path.name for path in other.folder.iterdir()] == ["trained.npz"]


def test_when_a_worker_is_killed_the_other_says_so_and_both_go_on_from_the_checkpoint(
    together, tmp_path
):
    jobs = workers(tmp_path, state=tmp_path / "state")
    killed = [jobs[0], replace(jobs[1], signals={signal.SIGKILL: 7})]
    assert run(killed) == [3, -signal.SIGKILL]
    assert "another worker of the training is gone" in jobs[0].error
    assert "go on from the last checkpoint" in jobs[0].error

    again = workers(tmp_path, state=tmp_path / "state")
    assert run(again) == [0, 0]
    assert all(4 < job.trained["first"] <= 8 for job in again)
    for job, undisturbed in zip(again, together, strict=True):
        for weight, same in zip(job.weights, undisturbed.weights, strict=True):
            np.testing.assert_array_equal(weight, same)


def test_a_signal_to_one_worker_ends_all_after_the_same_step(tmp_path):
    jobs = workers(tmp_path, state=tmp_path / "state")
    assert run([jobs[0], replace(jobs[1], signals={signal.SIGTERM: 3})]) == [1, -signal.SIGTERM]
    kept = sorted(path.name for path in (tmp_path / "state").glob("step-*"))
    assert kept == ["step-000000000002", "step-000000000003"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training": {"batch_size": 9}}, "9 images cannot be dealt to 2 devices"),
        ({"training": {"accumulate": 2}}, "accumulate works on one device"),
        ({"model": {"partial_fc": 0.5}}, "partial_fc works on one device"),
    ],
)
def test_what_does_not_go_with_two_devices_is_refused(tmp_path, settings, message):
    job = Job(tmp_path, devices=2, settings=settings)
    assert run([job]) == [3]
    assert message in job.error
    assert not (tmp_path / "trained.npz").exists()

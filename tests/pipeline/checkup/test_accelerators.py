"""GPUs, as the driver of a machine that has some would name them."""

import pytest

from pipeline.checkup import accelerators
from pipeline.checkup.accelerators import check_gpus, gpus_of_driver, judge_gpus

INFORMATION = """Model: \t\t NVIDIA H100 80GB HBM3
IRQ:   \t\t 65
GPU UUID: \t GPU-0
"""


@pytest.fixture
def driver(tmp_path):
    """What the driver of a machine with two GPUs tells."""
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / bus).mkdir()
        (tmp_path / bus / "information").write_text(INFORMATION)
    return tmp_path


def test_the_driver_names_the_gpus(driver):
    assert gpus_of_driver(driver) == ["NVIDIA H100 80GB HBM3"] * 2


def test_where_only_nvidia_smi_knows_it_is_asked(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho NVIDIA T4\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus_of_driver(tmp_path / "nowhere") == ["NVIDIA T4"]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert gpus_of_driver(tmp_path / "nowhere") == []


def test_without_a_gpu_a_run_takes_the_processor_and_tensorflow_is_not_asked(monkeypatch):
    monkeypatch.setattr(accelerators, "gpus_of_driver", list)
    monkeypatch.setattr(accelerators, "gpus_of_tensorflow", lambda: pytest.fail("asked"))
    found = check_gpus()
    assert (found.state, found.text) == ("note", "none: training takes the processor")


def test_a_gpu_that_tensorflow_cannot_use_has_a_remedy():
    found = judge_gpus(["NVIDIA T4"], 0)
    assert found.state == "note"
    assert found.text == "NVIDIA T4, which TensorFlow cannot use: training takes the processor"
    assert "docker/tensorflow-cuda.lock" in found.remedy


def test_a_gpu_that_tensorflow_uses_is_well():
    assert judge_gpus(["NVIDIA T4"], 1).state == "ok"


@pytest.mark.parametrize(("code", "count"), [("print('a remark'); print(2)", 2), ("1 / 0", 0)])
def test_tensorflow_is_asked_in_a_process_that_may_fail(monkeypatch, code, count):
    monkeypatch.setattr(accelerators, "_COUNT", code)
    assert accelerators.gpus_of_tensorflow() == count

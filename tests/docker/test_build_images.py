"""What scripts/build_images.sh asks of the container engine."""

import os
import re
import subprocess

import pytest

from tests import ROOT

VERSION = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]


@pytest.fixture
def build(tmp_path):
    """Runs the script with an engine that notes what it is asked; returns the notes with it."""
    engine = tmp_path / "engine"
    notes = tmp_path / "notes"
    engine.write_text(
        f'#!/bin/sh\necho "$@" >>{notes}\ncase $1 in image) echo 2500000000 ;; esac\n'
    )
    engine.chmod(0o755)

    def run(*targets, **environment):
        lent = ("SSL_CERT_FILE", "PIP_CONFIG_FILE", "UV_CONFIG_FILE", "BASE_IMAGE", "TENSORFLOW")
        inherited = {name: value for name, value in os.environ.items() if name not in lent}
        done = subprocess.run(
            [ROOT / "scripts/build_images.sh", *targets],
            env=inherited | {"ENGINE": str(engine), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = notes.read_text().splitlines() if notes.exists() else []
        return done, [line for line in lines if line.startswith("build ")]

    return run


def test_both_images_are_built_and_their_sizes_told(build):
    done, (cpu, training) = build()
    assert done.returncode == 0
    assert f"--target cpu --tag arcface-pipeline:{VERSION} " in cpu
    assert f"--target training --tag arcface-pipeline-training:{VERSION} " in training
    assert f"images: arcface-pipeline:{VERSION}: 2500 MB, built in " in done.stdout
    assert "BASE_IMAGE" not in cpu


def test_cuda_is_for_the_training_image_alone(build):
    _, (cpu, training) = build(TENSORFLOW="cuda")
    assert "TENSORFLOW=cpu" in cpu
    assert "TENSORFLOW=cuda" in training


def test_base_name_tag_and_flags_are_taken(build):
    _, (cpu,) = build("cpu", BASE_IMAGE="localhost/b", IMAGE="r/f", TAG="9", BUILD_FLAGS="--pull x")
    assert "--build-arg BASE_IMAGE=localhost/b" in cpu
    assert "--tag r/f:9 " in cpu
    assert cpu.endswith(" --pull x .")


def test_settings_of_this_machine_are_lent_as_secrets_only(build, tmp_path):
    settings = tmp_path / "lent"
    settings.write_text("lent\n")
    _, (cpu,) = build(
        "cpu", SSL_CERT_FILE=settings, PIP_CONFIG_FILE=settings, UV_CONFIG_FILE=settings
    )
    assert cpu.count(str(settings)) == 3
    for name in ("ca", "pip", "uv"):
        assert f"--secret id={name},src={settings}" in cpu


@pytest.mark.parametrize(
    ("targets", "environment", "message"),
    [(["gpu"], {}, "no image is called gpu"), ([], {"TENSORFLOW": "rocm"}, "Received: rocm")],
)
def test_what_does_not_exist_is_one_message_and_exit_code_2(build, targets, environment, message):
    done, built = build(*targets, **environment)
    assert done.returncode == 2
    assert message in done.stderr
    assert not built


def test_an_engine_that_fails_fails_the_build(build, tmp_path):
    (tmp_path / "failing").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "failing").chmod(0o755)
    done, _ = build(ENGINE=str(tmp_path / "failing"))
    assert done.returncode == 3

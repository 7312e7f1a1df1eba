"""The command that trains without a pipeline, as a process of its own."""

import os
import subprocess
import sys

import pytest

from components.trainer.callbacks import MODEL_NAME
from tests import ROOT
from tests.conftest import write_faces


def train(*arguments, cwd):
    return subprocess.run(
        [sys.executable, ROOT / "pipeline/train.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.slow
def test_it_trains_on_the_images_that_are_named_and_says_where_the_model_is(config_file, tmp_path):
    write_faces(tmp_path / "my faces", people=8, shots=5)
    run = train(
        *("--config", config_file, "--data-dir", "my faces", "--output-dir", "out"),
        *("--set", "training.epochs=1", "--set", "tracking.enabled=false"),
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    assert "wrote out/saved_model, of epoch 1 of 1" in run.stderr
    assert "epoch 1 of 1: " in run.stderr
    assert (tmp_path / "out" / MODEL_NAME).is_file()
    assert not (tmp_path / "out/mlflow.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "training.epochs=none"], "training.epochs: "),
        (["--data-dir", "nowhere"], "nowhere"),
        ([], "data.input_dir must say where the images are"),
    ],
)
def test_what_cannot_be_used_is_one_message(arguments, message, tmp_path):
    run = train(*arguments, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1].startswith("error: ")
    assert message in run.stderr
    assert "Traceback" not in run.stderr

"""The parts of verify.py that need no model; `test_run_local.py` runs it on a pushed one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.errors import UserError
from pipeline.verify import Threshold, distance_between, latest_version, load_threshold

SCRIPT = Path(__file__).parents[2] / "pipeline" / "verify.py"


def test_the_distances_of_unit_vectors():
    right, up = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    assert distance_between(right, right, "cosine") == 0.0
    assert distance_between(right, up, "cosine") == 1.0
    assert distance_between(right, -right, "cosine") == 2.0
    assert distance_between(right, up, "euclidean") == pytest.approx(2**0.5)


def test_the_version_with_the_highest_number_is_served(tmp_path):
    for name in ("9", "10", "latest", "2.5"):
        (tmp_path / name).mkdir()
    assert latest_version(tmp_path) == tmp_path / "10"


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no pushed model in"):
        latest_version(tmp_path / "nowhere")


def write_threshold(folder, content):
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra/threshold.json").write_text(content)


def test_the_threshold_is_read_from_beside_the_model(tmp_path):
    content = {"distance": "cosine", "threshold": 0.6, "operating_point": "EER", "FAR": 0.1}
    write_threshold(tmp_path, json.dumps(content))
    assert load_threshold(tmp_path) == Threshold("cosine", 0.6, "EER")


@pytest.mark.parametrize("content", ["", "{}", '{"distance": "cosine", "threshold": "x"}'])
def test_a_threshold_that_cannot_be_read_is_an_error(tmp_path, content):
    write_threshold(tmp_path, content)
    with pytest.raises(UserError, match="cannot read the model's threshold"):
        load_threshold(tmp_path)


@pytest.mark.parametrize(
    ("file", "message"),
    [("missing.jpg", "No such file or directory"), ("text.jpg", "is no usable image")],
)
def test_a_file_that_is_no_image_is_one_message_and_exit_code_2(tmp_path, file, message):
    version = tmp_path / "serving" / "1"
    version.mkdir(parents=True)
    write_threshold(version, '{"distance": "cosine", "threshold": 0.6, "operating_point": "EER"}')
    (tmp_path / "text.jpg").write_text("text")
    image = tmp_path / file
    run = subprocess.run(
        [sys.executable, SCRIPT, image, image, "--model-dir", tmp_path / "serving"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line

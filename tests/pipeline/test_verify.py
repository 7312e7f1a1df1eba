"""The parts of verify.py that need no model; `test_run_local.py` runs it on a pushed one."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.errors import UserError
from components.evaluator.threshold_pack import digest_of_folder
from pipeline.verify import answer, distance_between, latest_version, load_pack
from tests.evaluator.packs import operating_point, threshold_pack

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


def write_model(folder, content=None, **options):
    """A folder like that of a pushed model, but for the model; returns its threshold pack."""
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"no model")
    (folder / "assets.extra/mlflow_run.json").write_text("{}")
    digest = digest_of_folder([("saved_model.pb", b"no model")])
    pack = threshold_pack(**{"model_sha256": digest} | options)
    (folder / "assets.extra/thresholds.json").write_text(
        pack.to_json() if content is None else content
    )
    return pack


def test_the_pack_is_read_from_beside_the_model(tmp_path):
    pack = write_model(tmp_path)
    assert load_pack(tmp_path) == pack


@pytest.mark.parametrize("content", ["", "{}", '{"format": 2}', '{"format": 1}'])
def test_a_pack_that_cannot_be_read_is_an_error_that_names_the_file(tmp_path, content):
    write_model(tmp_path, content)
    with pytest.raises(UserError, match=r"cannot read the model's thresholds .*thresholds\.json: "):
        load_pack(tmp_path)


def test_a_model_without_a_pack_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"thresholds\.json: No such file or directory"):
        load_pack(tmp_path)


def test_the_pack_of_another_model_is_refused(tmp_path):
    write_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"another model")
    with pytest.raises(UserError, match="the thresholds of another model"):
        load_pack(tmp_path)


def test_the_answer_says_what_the_threshold_was_measured_to_be_and_how_strong_the_evidence_is():
    pack = threshold_pack()
    # The calibration is the line from +4 at 0 to -4 at 1, and ln 9 : 1 is 90 %.
    lines = answer(0.5 - np.log(9) / 8, pack, pack.operating_point(), Path("serving/3"), 0.5)
    assert lines == [
        "distance  0.2253 (cosine)",
        "threshold 0.6000 (EER of model serving/3)",
        "measured  FAR 0.015 (95 % interval 0.005 to 0.03) and FRR 0.2 (95 % interval 0.1 to 0.3) "
        "there, on 4 test people: provisional (4 people chose it, and it takes 20)",
        "evidence  log-likelihood ratio +2.20 (natural): same person with probability 0.9000, "
        "at a prior of 0.5",
        "same person",
    ]


def test_an_interval_that_leaves_everything_open_is_not_known():
    point = operating_point("EER", None, 0.6)
    measured = dataclasses.replace(point.test, intervals={"FAR": (0.0, 0.975), "FRR": (0.1, 0.3)})
    point = dataclasses.replace(point, test=measured)
    line = answer(0.5, threshold_pack(), point, Path("1"), 0.5)[2]
    assert "FAR 0.015 (95 % interval not known) and FRR 0.2 (95 % interval 0.1 to 0.3)" in line


def test_a_supported_threshold_is_called_that():
    point = operating_point("FAR=1e-02", 0.01, 0.4, state="supported")
    lines = answer(0.5, threshold_pack(), point, Path("1"), 0.5)
    assert lines[2].endswith("on 4 test people: supported")


@pytest.mark.parametrize(
    ("distance", "far", "verdict"),
    [
        (0.6, None, "same person"),  # at the threshold is accepted
        (0.6001, None, "different people"),
        (0.5, 0.01, "different people"),
        (0.4, 0.01, "same person"),
    ],
)
def test_the_verdict_is_that_of_the_operating_point(distance, far, verdict):
    pack = threshold_pack()
    lines = answer(distance, pack, pack.operating_point(far), Path("1"), 0.5)
    assert lines[-1] == verdict


def test_the_prior_moves_the_probability_and_not_the_verdict():
    pack = threshold_pack()
    likely, unlikely = (
        answer(0.5, pack, pack.operating_point(), Path("1"), prior) for prior in (0.5, 0.001)
    )
    assert "probability 0.5000, at a prior of 0.5" in likely[3]
    assert "probability 0.0010, at a prior of 0.001" in unlikely[3]
    assert likely[-1] == unlikely[-1] == "same person"


def test_without_a_calibration_there_is_no_evidence_line():
    pack = dataclasses.replace(threshold_pack(), calibration=None, Cllr=None)
    lines = answer(0.5, pack, pack.operating_point(), Path("1"), 0.5)
    assert [line.split()[0] for line in lines] == ["distance", "threshold", "measured", "same"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jpg"], "No such file or directory"),
        (["text.jpg"], "is no usable image"),
        (["text.jpg", "--far", "0.02"], "no threshold for FAR=2e-02; those there are: EER, FAR="),
        (["text.jpg", "--far", "1e-4"], "choosing one takes 142 people with 30,000"),
        (["text.jpg", "--prior", "1"], "A prior is a probability above 0 and below 1"),
    ],
)
def test_what_cannot_be_used_is_one_message_and_exit_code_2(tmp_path, arguments, message):
    write_model(tmp_path / "serving" / "1")
    (tmp_path / "text.jpg").write_text("text")
    image, *options = arguments
    images = [tmp_path / image] * 2
    run = subprocess.run(
        [sys.executable, SCRIPT, *images, "--model-dir", tmp_path / "serving", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line

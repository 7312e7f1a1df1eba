"""What is printed of a comparison."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.verdict import answer
from serving.comparison import Comparison
from tests.biometrics.packs import operating_point, threshold_pack


def test_the_answer_says_what_the_threshold_was_measured_to_be_and_how_strong_the_evidence_is():
    pack = threshold_pack()
    # The calibration is the line from +4 at 0 to -4 at 1, and ln 9 : 1 is 90 %.
    lines = answer(
        Comparison(0.5 - np.log(9) / 8), pack, pack.operating_point(), Path("serving/3"), 0.5
    )
    assert lines == [
        "distance  0.2253 (cosine)",
        "threshold 0.6000 (EER of model serving/3)",
        "measured  FAR 0.015 (95 % interval 0.005 to 0.03) and FRR 0.2 (95 % interval 0.1 to 0.3) "
        "there, on 4 test people: provisional (4 people chose it, and it takes 20)",
        "evidence  log-likelihood ratio +2.20 (natural): same person with probability 0.9000, "
        "at a prior of 0.5",
        f"vouched   by thresholds.json, sha256 {pack.sha256[:12]}",
        "same person",
    ]


def test_an_interval_that_leaves_everything_open_is_not_known():
    point = operating_point("EER", None, 0.6)
    measured = dataclasses.replace(point.test, intervals={"FAR": (0.0, 0.975), "FRR": (0.1, 0.3)})
    point = dataclasses.replace(point, test=measured)
    line = answer(Comparison(0.5), threshold_pack(), point, Path("1"), 0.5)[2]
    assert "FAR 0.015 (95 % interval not known) and FRR 0.2 (95 % interval 0.1 to 0.3)" in line


def test_a_supported_threshold_is_called_that():
    point = operating_point("FAR=1e-02", 0.01, 0.4, state="supported")
    lines = answer(Comparison(0.5), threshold_pack(), point, Path("1"), 0.5)
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
    lines = answer(Comparison(distance), pack, pack.operating_point(far), Path("1"), 0.5)
    assert lines[-1] == verdict


def test_the_prior_moves_the_probability_and_not_the_verdict():
    pack = threshold_pack()
    likely, unlikely = (
        answer(Comparison(0.5), pack, pack.operating_point(), Path("1"), prior)
        for prior in (0.5, 0.001)
    )
    assert "probability 0.5000, at a prior of 0.5" in likely[3]
    assert "probability 0.0010, at a prior of 0.001" in unlikely[3]
    assert likely[-1] == unlikely[-1] == "same person"


def test_without_a_calibration_there_is_no_evidence_line():
    pack = dataclasses.replace(threshold_pack(), calibration=None, Cllr=None)
    lines = answer(Comparison(0.5), pack, pack.operating_point(), Path("1"), 0.5)
    assert [line.split()[0] for line in lines] == [
        "distance",
        "threshold",
        "measured",
        "vouched",
        "same",
    ]


def test_what_is_unlike_the_measured_images_has_no_probability_and_the_reason_is_said():
    pack = threshold_pack()
    unlike = {"a b.jpg": ["contrast 3, where 28 to 66 was measured", "detail"]}
    lines = answer(Comparison(0.3, unlike), pack, pack.operating_point(), Path("1"), 0.5)
    assert (
        "images    a b.jpg is unlike the images this model was measured on: contrast 3, where 28 "
        "to 66 was measured; detail" in lines
    )
    assert "evidence  no probability: what a distance is worth was not measured on such images" in (
        lines
    )
    assert "with probability" not in " ".join(lines)
    assert lines[-1] == "same person"

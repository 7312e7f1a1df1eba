"""The settings: their defaults are at hand without a load, and what cannot be is refused."""

import subprocess
import sys

import pytest

from biometrics.errors import EvaluationError
from biometrics.settings import Bound, ProtocolSettings, Rules, Settings


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ({}, "give min, max or both"),
        ({"min": 0.5, "max": 0.4}, "no model could pass. Received: min 0.5, max 0.4"),
    ],
)
def test_a_bound_that_says_nothing_or_lets_nothing_pass_is_refused(sides, message):
    with pytest.raises(EvaluationError, match=message):
        Bound(**sides)


@pytest.mark.parametrize("sides", [{"min": 0.5}, {"max": 0.0}, {"min": 0.5, "max": 0.5}])
def test_a_bound_has_one_side_or_both(sides):
    bound = Bound(**sides)
    assert (bound.min, bound.max) == (sides.get("min"), sides.get("max"))


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Settings, {"distance": "cosin"}, "distance must be cosine or euclidean. Received: 'cosi"),
        (Settings, {"intervals": "exact"}, "intervals must be bootstrap or clopper_pearson"),
        (
            ProtocolSettings,
            {"target_fars": [0.1, 0.0]},
            r"in \(0, 1\), each .* Received: 0.0",
        ),
        (ProtocolSettings, {"target_fars": (1.0,)}, r"in \(0, 1\), each .* Received: 1.0"),
        (ProtocolSettings, {"ranks": [0]}, "ranks must be 1 or more, each of them. Received: 0"),
        (Rules, {"bounds_hold": "mean"}, "bounds_hold must be interval or value"),
    ],
)
def test_what_cannot_be_is_refused(kind, given, message):
    with pytest.raises(EvaluationError, match=message):
        kind(**given)


def test_the_defaults_can_be_read_off_the_classes():
    assert (Settings.distance, Settings.intervals, Settings.dev_share) == (
        "cosine",
        "bootstrap",
        0.5,
    )
    assert (Settings.target_fars, Settings.ranks, Settings.seed) == ((0.1, 0.01, 0.001), (1, 5), 42)
    assert (Rules.bounds_hold, Rules.min_people, Rules.max_regression) == ("interval", 10, 0.0)
    assert Rules.beat_baselines
    assert Rules.require_threshold
    assert Settings.rules == Rules()


def test_the_defaults_cost_no_loading_of_libraries():
    code = (
        "import sys, biometrics.settings\n"
        "print({name.partition('.')[0] for name in sys.modules} & "
        "{'numpy', 'scipy', 'sklearn', 'matplotlib', 'jinja2', 'pydantic'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"

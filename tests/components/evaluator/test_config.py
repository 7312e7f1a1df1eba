"""The section `evaluation`: its keys are those of measuring, and so are their defaults."""

import subprocess
import sys
from dataclasses import MISSING, fields

import pytest

from biometrics.protocols import PROTOCOLS
from biometrics.settings import Bound, Rules, Settings
from components.evaluator.config import EvaluationConfig, ProtocolsConfig
from tests import ROOT


def test_every_option_of_every_protocol_is_a_key_and_has_its_default_there():
    options = {name: {} for name in PROTOCOLS} | {"pairs": {"file": "pairs.txt"}}
    assert ProtocolsConfig.model_validate(options).asked() == options
    for name, section in ProtocolsConfig.model_fields.items():
        # Pairs with images of their own are no protocol but a verification set.
        keys = set(section.annotation.model_fields) - {"enabled", "images"}
        assert keys == {field.name for field in fields(PROTOCOLS[name])}


@pytest.mark.parametrize("measuring", [Settings, Rules])
def test_a_key_that_measuring_has_too_has_the_default_that_measuring_gives_it(measuring):
    section = EvaluationConfig()
    shared = [
        field
        for field in fields(measuring)
        if field.name in EvaluationConfig.model_fields and field.default is not MISSING
    ]
    assert len(shared) >= 5
    for field in shared:
        assert _plain(getattr(section, field.name)) == _plain(field.default), field.name


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


def test_every_rule_is_a_key_and_without_it_the_rule_is_that_of_measuring():
    assert EvaluationConfig().rules() == Rules()
    given = {
        "bounds": {"EER": {"max": 0.2}},
        "bounds_hold": "value",
        "min_people": 3,
        "beat_baselines": False,
        "require_threshold": False,
        "max_regression": 0.1,
    }
    assert {field.name for field in fields(Rules)} == given.keys()
    rules = Rules(**given | {"bounds": {"EER": Bound(max=0.2)}})
    assert EvaluationConfig(**given).rules() == rules


def test_a_section_is_read_without_what_measures():
    code = (
        "import sys, components.evaluator.config\n"
        "heavy = {'scipy', 'sklearn', 'matplotlib', 'tensorflow', 'tfx'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr

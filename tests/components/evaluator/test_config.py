"""The section `evaluation`: its keys are those of measuring, and so are their defaults."""

import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from pydantic import ValidationError

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


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"verification": {"lfw": {"file": "pairs.txt"}}}, "give images, .*protocols.pairs"),
        ({"verification": {"a": {"file": "A.BIN", "images": "lfw"}}}, "leave images out"),
        ({"protocols": {"pairs": {"file": "a.bin", "images": "lfw"}}}, "leave images out"),
        ({"verification": {"a/b": {"file": "a.bin"}}}, "at most 40 letters .* Received: 'a/b'"),
        ({"verification": {"-a": {"file": "a.bin"}}}, "Received: '-a'"),
        ({"verification": {"a": {"images": "lfw"}}}, "verification.a.file\n  Field required"),
        ({"verification": {"a": {"file": "a.bin", "min_share": 2.0}}}, "less than or equal to 1"),
        (
            {
                "protocols": {"pairs": {"file": "a.bin"}},
                "verification": {"pairs": {"file": "b.bin"}},
            },
            "give verification.pairs another name",
        ),
    ],
)
def test_a_verification_set_that_cannot_be_meant_is_refused(evaluation, message):
    with pytest.raises(ValidationError, match=message):
        EvaluationConfig.model_validate(evaluation)


def test_pairs_of_images_of_their_own_are_a_verification_set_and_no_protocol():
    of_text = {"file": "pairs.txt", "images": "lfw", "min_share": 0.5}
    config = EvaluationConfig(
        protocols={"pairs": of_text, "closed_set": {}}, verification={"cfp": {"file": "cfp.bin"}}
    )
    assert config.protocols.asked() == {"closed_set": {}}
    assert {name: pairs.model_dump(mode="json") for name, pairs in config.sets().items()} == {
        "pairs": of_text,
        "cfp": {"file": "cfp.bin", "images": None, "min_share": None},
    }
    assert list(config.files()) == ["pairs.txt", "cfp.bin"]
    assert list(config.image_places()) == [Path("lfw")]
    assert EvaluationConfig.from_property(config.to_property()) == config
    of_test_people = EvaluationConfig(protocols={"pairs": {"file": "pairs.txt"}})
    assert (of_test_people.sets(), list(of_test_people.protocols.asked())) == ({}, ["pairs"])
    off = EvaluationConfig(protocols={"pairs": {"enabled": False, "file": "a.bin"}})
    assert (off.sets(), list(off.files())) == ({}, [])


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

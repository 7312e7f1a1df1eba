"""From the section of the configuration to the settings of a measurement."""

import datetime
from dataclasses import fields

from biometrics.settings import Bound, Rules, Settings
from components.evaluator.config import EvaluationConfig
from components.evaluator.settings import settings_of


def settings(**section):
    return settings_of(EvaluationConfig(**section), seed=3, provenance={"Model": "7"})


def test_a_section_without_keys_gives_the_defaults_of_the_library():
    default = Settings(seed=3)
    found = settings()
    plain = {one.name for one in fields(Settings)} - {"provenance", "target_fars", "ranks"}
    assert {name: getattr(found, name) for name in plain} == {
        name: getattr(default, name) for name in plain
    }
    assert (tuple(found.target_fars), tuple(found.ranks)) == (default.target_fars, default.ranks)
    assert found.provenance == {"Evaluated": datetime.date.today().isoformat(), "Model": "7"}


def test_each_protocol_has_all_its_options_and_the_rules_their_bounds():
    found = settings(protocols={"open_set": {"rank": 2}}, bounds={"EER": {"max": 0.1}})
    assert found.protocols["open_set"]["rank"] == 2
    assert {"gallery_images", "non_mated"} <= found.protocols["open_set"].keys()
    assert found.rules == Rules(bounds={"EER": Bound(max=0.1)})

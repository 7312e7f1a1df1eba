"""The compose file, held to the schema that docker-compose comes with."""

import json

import jsonschema
import pytest
import yaml

from tests import ROOT

_SCHEMA = ROOT / "build/engines/compose/compose/config/compose_spec.json"


@pytest.fixture
def schema():
    return json.loads(_SCHEMA.read_text())


@pytest.fixture
def compose():
    return yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())


def test_the_file_is_what_the_specification_takes(schema, compose):
    jsonschema.validate(compose, schema)


def test_a_misspelt_key_would_be_found(schema, compose):
    compose["services"]["store"]["comand"] = compose["services"]["store"].pop("command")
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.validate(compose, schema)

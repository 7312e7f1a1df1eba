"""What a configuration says of MLflow."""

import json

import pytest

from components.run_environment import in_environment, store_variables, tracking_store
from pipeline.config import Config, ConfigError, load_config
from pipeline.tracking import store_for


def test_the_steps_get_the_whole_configuration_that_reads_back_as_it_was():
    config = load_config(None, ["training.epochs=3", "tracking.registered_model=faces"])
    with in_environment(store_variables(store_for(config, "http://mlflow.example", owner="me"))):
        store = tracking_store()
    assert (store.uri, store.registered_model, store.owner) == (
        "http://mlflow.example",
        "faces",
        "me",
    )
    assert Config.model_validate_json(json.dumps(store.configuration)) == config


def test_the_file_that_is_logged_is_a_configuration_file(tmp_path):
    config = load_config(None, ["evaluation.ranks=[1, 3]", "data.credit='012'"])
    path = tmp_path / "configuration.json"
    path.write_text(json.dumps(store_for(config, "x").configuration))
    assert load_config(path) == config


def test_a_password_in_the_address_is_in_nothing_that_the_steps_are_told():
    config = load_config(None, ["tracking.uri=http://me:hunter2@mlflow.example"])
    (text,) = store_variables(store_for(config, "http://mlflow.example")).values()
    assert "hunter2" not in text
    assert json.loads(text)["configuration"]["tracking"]["uri"] == "http://mlflow.example"


def test_a_configuration_that_no_environment_takes_is_left_out_and_said(caplog):
    config = load_config(None, [f"data.credit={'x' * 200_000}"])
    assert store_for(config, "x").configuration is None
    assert "the configuration is too long" in caplog.text


@pytest.mark.parametrize("name", ["a/b", "a:b", "it's", "", "..", " "])
def test_a_name_that_mlflow_registers_nothing_under_is_refused(name):
    with pytest.raises(ConfigError, match=r"tracking\.registered_model"):
        load_config(None, [f"tracking.registered_model={json.dumps(name)}"])

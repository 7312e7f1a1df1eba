"""Where the metadata goes, as it is configured."""

import pytest

from pipeline.config import ConfigError, load_config
from pipeline.metadata_config import MetadataConfig

SERVER = ["metadata.kind=mysql", "metadata.host=db.example", "metadata.database=mlmd"]


def test_without_a_word_it_is_a_file():
    assert load_config().metadata == MetadataConfig(kind="sqlite")


def test_a_server_is_named_in_full():
    section = load_config(None, [*SERVER, "metadata.user=runner"]).metadata
    assert (section.port, section.password_env) == (3306, "ARCFACE_METADATA_PASSWORD")
    with pytest.raises(ConfigError, match="metadata: kind mysql needs user, too"):
        load_config(None, SERVER)


def test_a_server_that_would_not_be_used_is_told():
    with pytest.raises(ConfigError, match="metadata: host, database needs kind mysql"):
        load_config(None, SERVER[1:])


@pytest.mark.parametrize("key", ["password", "pasword_env"])
def test_a_password_has_no_key(key):
    with pytest.raises(
        ConfigError, match=rf"metadata\.{key}: unknown key \(did you mean password_"
    ):
        load_config(None, [f"metadata.{key}=hunter22"])

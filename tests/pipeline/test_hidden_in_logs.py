"""A secret that a library prints."""

import pytest
from absl import logging
from google.protobuf import text_format
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig

from pipeline.hidden_in_logs import hidden_in_logs


@pytest.fixture
def printed(caplog):
    caplog.set_level("INFO", "absl")
    return caplog


@pytest.mark.parametrize("secret", ["hunter22", 'with "quotes" and \\', "Schlüssel %d"])
def test_it_is_in_no_line_however_protobuf_writes_it(printed, secret):
    config = ConnectionConfig()
    config.mysql.user, config.mysql.password = "runner", secret
    with hidden_in_logs(secret):
        logging.info("Using connection config:\n %s", config)
        logging.info("as it is: %s", secret)
    assert "as it is: ***" in printed.text
    assert 'user: "runner"' in printed.text
    assert 'password: "***"' in printed.text
    for form in (secret, text_format.MessageToString(config).split("password: ")[1].strip()):
        assert form not in printed.text


def test_without_a_secret_nothing_is_changed_and_after_it_no_more(printed):
    with hidden_in_logs(""):
        logging.info("%s", "all of it")
    with hidden_in_logs("all"):
        pass
    logging.info("all of it, again")
    assert printed.messages == ["all of it", "all of it, again"]

"""What docs/serving.md says of the service is true."""

import re

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from pipeline.serve import app
from serving.service.guard import OPEN_PATHS
from serving.service.refusals import STATUS
from serving.service.settings import MEBIBYTE, ServiceSettings
from tests import ROOT
from tests.serving.service.options import options_of

DOCUMENT = (ROOT / "docs/serving.md").read_text()


def test_the_statuses_and_reasons_are_those_of_the_service():
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", DOCUMENT, re.M)
    described = {
        reason: int(status) for status, cell in rows for reason in re.findall(r"`(\w+)`", cell)
    }
    assert described == STATUS


def test_the_options_are_those_of_the_command():
    of_service = DOCUMENT.partition("## A service")[2].partition("## The Open Inference")[0]
    named = set(re.findall(r"`(--[a-z-]+)`", of_service))
    assert len(named) > 8
    assert named <= options_of(app)


@pytest.mark.parametrize(
    ("options", "defaults"),
    [
        ("`--max-body`", f"{ServiceSettings.max_body // MEBIBYTE}"),
        ("`--max-images`", f"{ServiceSettings.max_images}"),
        ("`--max-requests`", f"{ServiceSettings.max_requests}"),
        ("`--timeout`", f"{ServiceSettings.timeout:g}"),
        ("`--rate`, `--burst`", f"{ServiceSettings.rate:g}, {ServiceSettings.burst}"),
        (
            "`--max-batch`, `--max-wait`",
            f"{ServiceSettings.max_batch}, {1000 * ServiceSettings.max_wait:g}",
        ),
    ],
)
def test_the_defaults_are_those_of_the_service(options, defaults):
    assert f"| {options} | {defaults} |" in DOCUMENT


def test_the_operations_are_described_and_what_needs_no_token_is_named(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert all(path in DOCUMENT for path in paths if path.startswith("/v1/"))
    assert all(f"`{path}`" in DOCUMENT for path in OPEN_PATHS)


def test_tensorflow_serving_takes_its_configuration():
    text = re.search(r"```\n(model_config_list .*?)```", DOCUMENT, re.S)[1]
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    assert config.model_config_list.config[0].name == "arcface"

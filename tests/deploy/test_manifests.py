"""The files for a cluster and for one machine: valid, the same services, and no password."""

import copy
import re

import pytest
import yaml
from mlflow.server.security_utils import is_allowed_host_header

from groundfloor.credentials import has_credentials
from tests import ROOT
from tests.deploy.api_objects import faults_of

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
KUSTOMIZATION = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
OBJECTS = [
    document
    for name in KUSTOMIZATION["resources"]
    for document in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())
]
WORKLOADS = {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] != "Service"}
PASSWORDS = {
    line.partition("=")[0]
    for line in (DEPLOY / "stores.env.example").read_text().splitlines()
    if not line.startswith("#")
}


def container_of(name):
    (container,) = WORKLOADS[name]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: item["kind"] + item["metadata"]["name"])
def test_an_object_is_what_the_api_takes(item):
    assert faults_of(item) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda spec: spec.update(replica=1), "StatefulSet.spec.replica: unknown"),
        (lambda spec: spec.pop("selector"), "`selector`, must not be `None`"),
        (lambda spec: spec.update(replicas="1"), "StatefulSet.spec.replicas: expected int"),
        (lambda spec: spec["template"]["spec"]["containers"][0].pop("name"), "`name`, must not"),
    ],
)
def test_what_the_api_would_refuse_is_found(spoil, fault):
    item = copy.deepcopy(WORKLOADS["store"])
    spoil(item["spec"])
    assert any(fault in found for found in faults_of(item))


def test_every_file_for_a_cluster_is_one_of_the_kustomization():
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert files - {"kustomization.yaml"} == set(KUSTOMIZATION["resources"])


def test_a_service_leads_to_the_pods_of_its_name():
    for service in (item for item in OBJECTS if item["kind"] == "Service"):
        template = WORKLOADS[service["metadata"]["name"]]["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        (port,) = service["spec"]["ports"]
        (of_container,) = container_of(service["metadata"]["name"])["ports"]
        assert port["port"] == of_container["containerPort"]


def test_a_machine_and_a_cluster_have_the_same_services_with_the_same_settings():
    assert COMPOSE["services"].keys() == WORKLOADS.keys()
    for name, service in COMPOSE["services"].items():
        container = container_of(name)
        plain = {item["name"]: item["value"] for item in container["env"] if "value" in item}
        secret = {
            item["name"]: item["valueFrom"]["secretKeyRef"]["key"]
            for item in container["env"]
            if "valueFrom" in item
        }
        given = service["environment"].items()
        matches = {key: re.match(r"\$\{(\w+):\?", value) for key, value in given}
        assert secret == {key: match[1] for key, match in matches.items() if match}
        plain.pop("PGDATA", None)  # the root of a volume is not empty
        assert plain == {key: value for key, value in given if not value.startswith("$")}
        assert container.get("args") == service.get("command")


def test_every_password_is_one_that_the_example_asks_for_and_none_is_in_a_file():
    text = "".join(path.read_text() for path in DEPLOY.rglob("*.yaml"))
    assert set(re.findall(r"\$\{(\w+)", text)) == PASSWORDS
    assert set(re.findall(r"^ +key: (\w+)$", text, re.M)) == PASSWORDS
    for service in COMPOSE["services"].values():
        for key, value in service["environment"].items():
            assert value.startswith("${") or not has_credentials(f"{key}={value}")


def test_the_server_is_of_the_version_that_the_steps_have():
    pinned = re.search(r"^mlflow==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)[1]
    assert f"mlflow=={pinned} " in (DEPLOY / "mlflow/Dockerfile").read_text()


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("mlflow:5000", True),
        ("mlflow.stores.svc:5000", True),
        ("mlflow.stores.svc.cluster.local:5000", True),
        ("localhost:5000", True),
        ("mlflow.example:5000", False),
    ],
)
def test_the_server_answers_to_the_names_that_it_has_there_and_to_no_other(name, answers):
    hosts = COMPOSE["services"]["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert is_allowed_host_header(hosts.split(","), name) is answers

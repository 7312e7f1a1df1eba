"""The kustomization for a cluster, built by kustomize itself."""

import shutil
import subprocess

import pytest
import yaml

from tests import ROOT
from tests.deploy.api_objects import faults_of


@pytest.fixture
def built(tmp_path):
    folder = shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    passwords = "DATABASE_PASSWORD=a\nSTORE_KEY_ID=b\nSTORE_SECRET=c\n"
    (folder / "kubernetes/stores.env").write_text(passwords)
    command = [ROOT / "build/engines/kustomize", "build", folder / "kubernetes"]
    built = subprocess.run(command, check=True, capture_output=True, text=True)
    assert built.stderr == ""
    return list(yaml.safe_load_all(built.stdout))


def test_what_it_makes_is_what_the_api_takes(built):
    assert len(built) == 7
    assert [fault for item in built for fault in faults_of(item)] == []


def test_every_password_comes_from_the_one_secret_that_it_makes(built):
    (secret,) = [item for item in built if item["kind"] == "Secret"]
    assert set(secret["data"]) == {"DATABASE_PASSWORD", "STORE_KEY_ID", "STORE_SECRET"}
    workloads = [item for item in built if item["kind"] in ("Deployment", "StatefulSet")]
    pods = [item["spec"]["template"]["spec"] for item in workloads]
    named = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for pod in pods
        for variable in pod["containers"][0]["env"]
        if "valueFrom" in variable
    }
    assert named == {secret["metadata"]["name"]}

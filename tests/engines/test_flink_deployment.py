"""The FlinkDeployment, held against the schema that comes with Flink's operator."""

import zipfile

import jsonschema
import pytest
import yaml

from engines import INSTALLED
from tests.pipeline.kubeflow.definitions import of_definition
from tests.pipeline.kubeflow.test_flink_deployment import manifests

OPERATOR = INSTALLED / "flink-kubernetes-operator-api.jar"


def test_the_manifest_is_of_the_schema_of_flinks_operator():
    with zipfile.ZipFile(OPERATOR) as jar:
        (name,) = [
            name
            for name in jar.namelist()
            if name.endswith("flinkdeployments.flink.apache.org-v1.yml")
        ]
        definition = yaml.safe_load(jar.read(name))
    (version,) = definition["spec"]["versions"]
    cluster, *_ = manifests()
    assert cluster["apiVersion"] == f"{definition['spec']['group']}/{version['name']}"
    schema = of_definition(version["schema"]["openAPIV3Schema"])
    # It leaves out what every resource has.
    jsonschema.validate({"spec": cluster["spec"]}, schema)
    with pytest.raises(jsonschema.ValidationError, match="replicaz"):
        jsonschema.validate({"spec": cluster["spec"] | {"replicaz": 2}}, schema)

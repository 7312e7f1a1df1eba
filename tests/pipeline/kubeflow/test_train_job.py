"""The manifests for Kubeflow Trainer, held against its own code; and workers started from them."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys

import jsonschema
import pytest
import yaml

from components.trainer.callbacks import MODEL_NAME
from pipeline import train
from pipeline.config import CONFIGS, Config, load_config
from pipeline.kubeflow.train_job import train_job
from tests import ROOT
from tests.conftest import write_faces
from tests.pipeline.kubeflow.definitions import of_definition
from tests.pipeline.kubeflow.go_program import built, module_folder, require_modules
from tests.serving.service.options import options_of

PROGRAM = ROOT / "tests/pipeline/kubeflow/jobset"
IMAGE = "registry.example/faces-training:1"
TWO = ["kubeflow.train_job.workers=2", "kubeflow.train_job.output_dir=/mnt/models/trained"]
SMALL = [
    "data.input_dir=/mnt/faces",
    "data.val_split=0.2",
    "model.input_shape=[32, 32, 3]",
    "model.embedding_dim=16",
    "training.batch_size=8",
    "training.epochs=2",
    "tracking.uri=sqlite:////mnt/models/mlflow.db",
    "kubeflow.node_selector={}",
]


def config_of(*settings):
    return load_config(CONFIGS / "kubeflow.yaml", [*TWO, *settings])


def manifests(*settings):
    """The ConfigMap, the TrainingRuntime and the TrainJob."""
    return list(yaml.safe_load_all(train_job(config_of(*settings), IMAGE)))


def pod_of(runtime):
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    return job["template"]["spec"]["template"]["spec"]


def test_without_workers_there_is_none():
    assert train_job(config_of("kubeflow.train_job.workers=0"), IMAGE) is None


def test_the_configuration_is_the_one_that_was_compiled():
    configuration, _, _ = manifests()
    values = yaml.safe_load(configuration["data"]["training.yaml"])
    given = Config.model_validate(values)
    without = {"kubeflow", "beam"}
    assert given.model_dump(exclude=without) == config_of().model_dump(exclude=without)


def test_a_worker_has_the_images_volumes_secrets_and_resources_of_the_trainer():
    configuration, runtime, job = manifests("kubeflow.gpu.count=2")
    pod = pod_of(runtime)
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounts.pop(configuration["metadata"]["name"]) == "/etc/arcface"
    assert mounts == {"faces": "/mnt/faces", "models": "/mnt/models"}
    assert container["resources"]["limits"] == {
        "cpu": "8",
        "memory": "16Gi",
        "nvidia.com/gpu": "2",
    }
    assert pod["nodeSelector"] == {"accelerator": "nvidia"}
    secret = {"secretKeyRef": {"name": "mlflow", "key": "password"}}
    assert {"name": "MLFLOW_TRACKING_PASSWORD", "valueFrom": secret} in container["env"]
    arguments = job["spec"]["trainer"]["args"]
    assert container["command"] + arguments[:1] == ["arcface", "train"]
    assert {text for text in arguments if text.startswith("--")} <= options_of(train.app)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    require_modules(PROGRAM)
    return built(PROGRAM, tmp_path_factory.mktemp("program") / "jobset")


def jobset_by_trainer(program, documents):
    """What Kubeflow Trainer makes of a TrainingRuntime and a TrainJob; None and what it refuses."""
    done = subprocess.run(
        [program],
        input=yaml.safe_dump_all(documents),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return (json.loads(done.stdout)[0], "") if done.returncode == 0 else (None, done.stderr)


def test_the_manifests_are_of_the_schemas_of_kubeflow_trainer():
    require_modules(PROGRAM)
    folder = module_folder(PROGRAM, "github.com/kubeflow/trainer/v2") / "manifests/base/crds"
    _, *documents = manifests()
    for document, kind in zip(documents, ("trainingruntimes", "trainjobs"), strict=True):
        text = (folder / f"trainer.kubeflow.org_{kind}.yaml").read_text(encoding="utf-8")
        definition = yaml.safe_load(text)
        (version,) = definition["spec"]["versions"]
        assert document["apiVersion"].endswith(f"/{version['name']}")
        schema = of_definition(version["schema"]["openAPIV3Schema"])
        jsonschema.validate(document, schema)
        with pytest.raises(jsonschema.ValidationError, match="nodes"):
            jsonschema.validate(document | {"spec": document["spec"] | {"nodes": 2}}, schema)


def test_kubeflow_trainer_takes_them_and_starts_as_many_pods_as_there_are_workers(program):
    jobset, refused = jobset_by_trainer(program, manifests()[1:])
    assert refused == ""
    (job,) = jobset["spec"]["replicatedJobs"]
    spec = job["template"]["spec"]
    assert (spec["completions"], spec["parallelism"], job["replicas"]) == (2, 2, 1)
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"][0] == "train"
    assert container["env"] == pod_of(manifests()[1])["containers"][0]["env"]


def test_kubeflow_trainer_takes_no_field_that_it_does_not_know(program):
    _, runtime, job = manifests()
    runtime["spec"]["mlPolicy"]["tensorflow"] = {}
    jobset, refused = jobset_by_trainer(program, [runtime, job])
    assert jobset is None
    assert 'unknown field "spec.mlPolicy.tensorflow"' in refused


def environment_of(jobset, index):
    """What Kubernetes gives a pod's container: of the pod's fields, and of variables before."""
    (job,) = jobset["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    fields = {
        "metadata.labels['jobset.sigs.k8s.io/jobset-name']": jobset["metadata"]["name"],
        "metadata.annotations['batch.kubernetes.io/job-completion-index']": str(index),
    }
    variables = {}
    for variable in container["env"]:
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            variables[variable["name"]] = fields[source["fieldRef"]["fieldPath"]]
        elif "value" in variable:
            variables[variable["name"]] = re.sub(
                r"\$\((\w+)\)",
                lambda found: variables.get(found[1], found[0]),
                variable["value"],
            )
    return variables


def hosts_of(jobset):
    """The name and the port of every pod, as the JobSet's headless service has it."""
    (job,) = jobset["spec"]["replicatedJobs"]
    name, spec = jobset["metadata"]["name"], job["template"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (port,) = (one["containerPort"] for one in container["ports"])
    return [f"{name}-{job['name']}-0-{index}.{name}:{port}" for index in range(spec["completions"])]


def free_addresses(count):
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
    for server in servers:
        server.close()
    return addresses


def log_of(folder, index):
    return folder / f"worker{index}.log"


def start_worker(jobset, index, folder, addresses):
    """Starts a pod's container as a process: the volumes are folders, the network is loopback."""
    (job,) = jobset["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    variables = environment_of(jobset, index)
    for host, address in zip(hosts_of(jobset), addresses, strict=True):
        variables["TF_CONFIG"] = variables["TF_CONFIG"].replace(host, address)
    assert container["command"] == ["arcface"]
    arguments = [text.replace("/mnt", f"{folder}/mnt") for text in container["args"]]
    arguments = [text.replace("/etc", f"{folder}/etc") for text in arguments]
    with log_of(folder, index).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            env=os.environ | variables | {"PYTHONPATH": str(ROOT)},
            stderr=log,
            cwd=folder,
        )


@pytest.mark.slow
def test_two_workers_started_from_what_trainer_makes_train_one_model(program, tmp_path):
    configuration, *documents = manifests(*SMALL)
    write_faces(tmp_path / "mnt/faces", people=8, shots=5)
    for name, text in configuration["data"].items():
        path = tmp_path / "etc/arcface" / name
        path.parent.mkdir(parents=True)
        path.write_text(text.replace("/mnt", f"{tmp_path}/mnt"), encoding="utf-8")
    (tmp_path / "mnt/models").mkdir()
    jobset, _ = jobset_by_trainer(program, documents)

    addresses = free_addresses(2)
    workers = [start_worker(jobset, index, tmp_path, addresses) for index in range(2)]
    try:
        codes = [worker.wait(timeout=400) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    said = [log_of(tmp_path, index).read_text(encoding="utf-8") for index in range(2)]
    assert codes == [0, 0], said
    assert (tmp_path / "mnt/models/trained" / MODEL_NAME).is_file()
    assert (tmp_path / "mnt/models/trained/saved_model/saved_model.pb").is_file()
    of_chief, of_other = (re.findall(r"epoch \d of 2: .*", text) for text in said)
    assert len(of_chief) == 2
    assert of_chief == of_other
    assert ["wrote " in text for text in said] == [True, False]
    with sqlite3.connect(tmp_path / "mnt/models/mlflow.db") as tracked:
        assert tracked.execute("select status from runs").fetchall() == [("FINISHED",)]

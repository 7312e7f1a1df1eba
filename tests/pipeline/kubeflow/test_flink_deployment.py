"""The manifests of the Flink cluster, and that a compiled pipeline runs its steps there."""

import yaml

from pipeline.config import load_config
from pipeline.kubeflow.compiler import compile_pipeline
from pipeline.kubeflow.flink_deployment import flink_deployment
from pipeline.kubeflow.lint import lint
from tests.pipeline.kubeflow.conftest import IMAGE, SETTINGS

FLINK = [
    "kubeflow.flink={task_managers: 3, slots: 2}",
    "kubeflow.pipeline_root=minio://artifacts/faces",
    "kubeflow.volumes=[{claim: files, mount_path: /minio/artifacts}, {claim: m, mount_path: /mnt}]",
    "kubeflow.secrets=[{name: store, env: {AWS_ACCESS_KEY_ID: id}}]",
]


def manifests(*settings):
    """The FlinkDeployment, and Deployment and Service of Beam's job server."""
    config = load_config(None, [*SETTINGS, *FLINK, *settings])
    return list(yaml.safe_load_all(flink_deployment(config.kubeflow, IMAGE)))


def test_without_task_managers_there_is_none():
    config = load_config(None, [*SETTINGS, *FLINK, "kubeflow.flink.task_managers=0"])
    assert flink_deployment(config.kubeflow, IMAGE) is None


def test_beside_each_task_manager_are_python_workers_that_see_what_the_steps_see():
    cluster, *_ = manifests()
    pod = cluster["spec"]["taskManager"]["podTemplate"]["spec"]
    assert [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]] == [
        "files",
        "m",
    ]
    _, pool = pod["containers"]
    assert pool["image"] == IMAGE
    assert {mount["mountPath"] for mount in pool["volumeMounts"]} == {"/minio/artifacts", "/mnt"}
    (variable,) = pool["env"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "store", "key": "id"}}
    assert cluster["spec"]["flinkConfiguration"]["taskmanager.numberOfTaskSlots"] == "2"


def test_there_are_as_many_task_managers_as_are_asked_for():
    cluster, *_ = manifests()
    assert cluster["spec"]["taskManager"]["replicas"] == 3
    # The operator heeds `replicas` in this mode alone.
    assert cluster["spec"]["mode"] == "standalone"


def test_the_job_server_submits_to_that_cluster_and_is_found_by_its_name():
    cluster, server, service = manifests()
    (container,) = server["spec"]["template"]["spec"]["containers"]
    assert f"--flink-master={cluster['metadata']['name']}-rest:8081" in container["args"]
    served = {port["port"] for port in service["spec"]["ports"]}
    assert served == {port["containerPort"] for port in container["ports"]} == {8098, 8099}
    assert service["spec"]["selector"] == server["spec"]["template"]["metadata"]["labels"]


def test_the_steps_on_beam_run_there_on_all_its_slots():
    compiled = compile_pipeline(load_config(None, [*SETTINGS, *FLINK]), IMAGE)
    assert lint(compiled) == []
    executors = compiled.spec["deploymentSpec"]["executors"]
    service = manifests()[2]["metadata"]["name"]
    for name in ("ImageExampleGen", "ImageTransform", "StatisticsGen", "FaceEvaluator"):
        (args,) = [
            executor["container"]["args"] for key, executor in executors.items() if name in key
        ]
        assert f"--job_endpoint={service}:8099" in args
        assert "--parallelism=6" in args


def test_options_of_beam_that_are_given_win():
    given = [*SETTINGS, *FLINK, "beam.pipeline_args=[--runner=Given]"]
    compiled = compile_pipeline(load_config(None, given), IMAGE)
    assert "job_endpoint" not in str(compiled.spec)

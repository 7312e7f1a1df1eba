"""Each rule of the lint, fired by spoiling a pipeline that has nothing wrong with it."""

import copy

import pytest

from pipeline.kubeflow.lint import lint
from pipeline.kubeflow.rules.code import import_by_path
from tests.pipeline.kubeflow.sound import KUBERNETES, constant, importer


def step(document, name="Trainer"):
    return next(step for step in document.steps if step.name == name)


def parameters_of(document, name="Trainer"):
    return step(document, name).task["inputs"]["parameters"]


def config_of(document, name="Trainer"):
    return document.executor_configs[f"{name}_executor"]


def rename_step(document, name):
    tasks = document.spec["root"]["dag"]["tasks"]
    tasks[name] = tasks.pop("Trainer")


def use_type(document, **artifact_type):
    step(document).component["outputDefinitions"]["artifacts"]["model"] = {
        "artifactType": artifact_type
    }


def test_a_sound_pipeline_has_no_findings(document):
    assert lint(document, importer) == []


SPOILERS = {
    "an old schema": ("schema-version", lambda d: d.spec.update(schemaVersion="2.0.0")),
    "a resolver": (
        "resolver",
        lambda d: d.spec["deploymentSpec"]["executors"].update(Trainer_executor={"resolver": {}}),
    ),
    "no executor": (
        "executor",
        lambda d: d.spec["deploymentSpec"]["executors"].pop("Trainer_executor"),
    ),
    "a condition": (
        "condition",
        lambda d: step(d).task.update(triggerPolicy={"condition": "inputs.artifacts['x']"}),
    ),
    "no default": ("defaults", lambda d: d.parameters["data-dir"].pop("defaultValue")),
    "a driver": ("lifecycle", lambda d: step(d).container.update(lifecycle={"preCacheCheck": {}})),
    "a cached folder": (
        "caching",
        lambda d: step(d, "Gen").task["cachingOptions"].update(enableCache=True),
    ),
    "TFX's own command": (
        "entrypoint",
        lambda d: step(d).container.update(
            command=[
                "python",
                "-m",
                "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
            ]
        ),
    ),
    "a command that is not there": (
        "entrypoint",
        lambda d: step(d).container.update(command=["python", "-m", "pipeline.nowhere.entry"]),
    ),
    "no command": ("entrypoint", lambda d: step(d).container.pop("command")),
    "a pipeline's name in capitals": (
        "names",
        lambda d: d.spec["pipelineInfo"].update(name="Faces"),
    ),
    "a pipeline's name that is too long": (
        "names",
        lambda d: d.spec["pipelineInfo"].update(name="f" * 58),
    ),
    "an underscore in a step's name": ("names", lambda d: rename_step(d, "my_trainer")),
    "a step's name that is too long": ("names", lambda d: rename_step(d, "t" * 122)),
    "a parameter's name with a dot": (
        "names",
        lambda d: d.parameters.update({"a.b": {"defaultValue": 1}}),
    ),
    "a claim in capitals": (
        "names",
        lambda d: config_of(d)["pvcMount"][0].update(constant="Faces"),
    ),
    "a secret's name": ("names", lambda d: config_of(d)["secretAsEnv"][0].update(secretName="a_b")),
    "a variable with a hyphen": (
        "names",
        lambda d: config_of(d)["secretAsEnv"][0]["keyToEnv"][0].update(envVar="MY-VAR"),
    ),
    "a key with a blank": (
        "names",
        lambda d: config_of(d)["secretAsEnv"][0]["keyToEnv"][0].update(secretKey="my key"),
    ),
    "a label with a blank": (
        "names",
        lambda d: config_of(d).update(nodeSelector={"labels": {"gpu": "of any kind"}}),
    ),
    "no image": ("images", lambda d: step(d).container.pop("image")),
    "an image in capitals": ("images", lambda d: step(d).container.update(image="Team/Faces:1")),
    "TFX's image": (
        "images",
        lambda d: step(d).container.update(image="gcr.io/tfx-oss-public/tfx:1.16.0"),
    ),
    "an image without a tag": ("images", lambda d: step(d).container.update(image="team/faces")),
    "the latest image": ("images", lambda d: step(d).container.update(image="faces:latest")),
    "a request above the limit": (
        "resources",
        lambda d: step(d).container["resources"].update(resourceCpuRequest="2500m"),
    ),
    "no quantity": (
        "resources",
        lambda d: step(d).container["resources"].update(resourceCpuRequest="two"),
    ),
    "a root without a bucket": (
        "pipeline-root",
        lambda d: d.spec.update(defaultPipelineRoot="minio://"),
    ),
    "a root on no volume": (
        "pipeline-root",
        lambda d: d.spec.update(defaultPipelineRoot="/artifacts"),
    ),
    "a root on a volume": (
        "pipeline-root",
        lambda d: d.spec.update(defaultPipelineRoot="/mnt/artifacts"),
    ),
    "a default on no volume": (
        "host-paths",
        lambda d: d.parameters["data-dir"].update(defaultValue="/home/me/faces"),
    ),
    "a relative folder": (
        "host-paths",
        lambda d: d.parameters["data-dir"].update(defaultValue="faces"),
    ),
    "a path within a volume's name only": (
        "host-paths",
        lambda d: d.parameters["data-dir"].update(defaultValue="/mntx/faces"),
    ),
    "a path in JSON": (
        "host-paths",
        lambda d: parameters_of(d).update(
            push_destination=constant('{"filesystem": {"base_directory": "/srv/models"}}')
        ),
    ),
    "a tracking store on this machine": (
        "host-paths",
        lambda d: parameters_of(d).update(
            custom_config=constant('{"tracking": {"uri": "sqlite:////home/me/mlflow.db"}}')
        ),
    ),
    "a store that TFX cannot open": (
        "host-paths",
        lambda d: parameters_of(d).update(baseline_dir=constant("minio://bucket/models")),
    ),
    "images where fsspec reads none": (
        "host-paths",
        lambda d: d.parameters["data-dir"].update(defaultValue="minio://bucket/faces"),
    ),
    "a path in an argument": (
        "host-paths",
        lambda d: step(d).container["args"].append("--temp_location=/home/me/tmp"),
    ),
    "a volume at a relative path": (
        "volumes",
        lambda d: config_of(d)["pvcMount"].append({"constant": "b", "mountPath": "mnt"}),
    ),
    "a volume in the launcher's way": (
        "volumes",
        lambda d: config_of(d)["pvcMount"].append(
            {"constant": "b", "mountPath": "/kfp-launcher/x"}
        ),
    ),
    "two volumes at one path": (
        "volumes",
        lambda d: config_of(d)["pvcMount"].append({"constant": "b", "mountPath": "/mnt"}),
    ),
    "an executor that no step has": (
        "platform",
        lambda d: d.executor_configs.update(Trainr_executor=copy.deepcopy(KUBERNETES)),
    ),
    "a step without the others' secrets": ("platform", lambda d: config_of(d).pop("secretAsEnv")),
    "a password in JSON": (
        "secrets",
        lambda d: parameters_of(d).update(custom_config=constant('{"db_password": "hunter2"}')),
    ),
    "a password in a URI": (
        "secrets",
        lambda d: parameters_of(d).update(
            custom_config=constant('{"uri": "http://me:hunter2@mlflow:5000"}')
        ),
    ),
    "a key in the environment": (
        "secrets",
        lambda d: step(d).container.update(
            env=[{"name": "AWS_SECRET_ACCESS_KEY", "value": "hunter2"}]
        ),
    ),
    "a key among the arguments": (
        "secrets",
        lambda d: step(d).container["args"].append("--s3_secret_access_key=hunter2"),
    ),
    "a key id anywhere": (
        "secrets",
        lambda d: d.parameters["data-dir"].update(defaultValue="/mnt/AKIAABCDEFGHIJKLMNOP"),
    ),
    "an artifact without a type": ("artifact-types", lambda d: use_type(d, instanceSchema="")),
    "a generic artifact": ("artifact-types", lambda d: use_type(d, schemaTitle="system.Artifact")),
    "a type that is not there": (
        "artifact-types",
        lambda d: use_type(d, instanceSchema="title: components.missing"),
    ),
    "an executor that is not there": (
        "executor-classes",
        lambda d: step(d).container.update(args=["--executor_class_path", "missing.Executor"]),
    ),
    "a run_fn that is not there": (
        "run-fn",
        lambda d: parameters_of(d).update(run_fn=constant("missing.run_fn")),
    ),
    "a module file": (
        "run-fn",
        lambda d: parameters_of(d).update(module_file=constant("trainer.py")),
    ),
}


@pytest.mark.parametrize(("rule", "spoil"), SPOILERS.values(), ids=SPOILERS)
def test_each_mistake_is_found_by_its_rule(document, rule, spoil):
    spoil(document)
    assert {finding.rule for finding in lint(document, importer)} >= {rule}


@pytest.mark.parametrize("place", ["s3://bucket/faces", "gs://bucket", "abfs://box/faces.csv"])
def test_images_may_be_on_a_store(document, place):
    document.parameters["data-dir"]["defaultValue"] = place
    assert lint(document, importer) == []


def test_a_secret_is_named_but_not_shown(document):
    SPOILERS["a password in a URI"][1](document)
    (finding,) = lint(document, importer)
    assert "custom_config.uri" in str(finding)
    assert "hunter2" not in str(finding)


def test_a_path_that_only_some_steps_see_is_no_place_for_the_artifacts(document):
    document.spec["defaultPipelineRoot"] = "/mnt/artifacts"
    config_of(document)["pvcMount"][0]["mountPath"] = "/other"
    (finding,) = (item for item in lint(document, importer) if item.rule == "pipeline-root")
    assert finding.severity == "error"


@pytest.mark.parametrize(
    "image", ["faces:1", "a.b/c/d-e__f:v1.2_3", "localhost:5000/f@sha256:" + "0" * 64]
)
def test_well_formed_images_pass(document, image):
    step(document).container["image"] = image
    assert lint(document, importer) == []


def test_errors_come_first_and_a_warning_is_none(document):
    SPOILERS["the latest image"][1](document)
    SPOILERS["an old schema"][1](document)
    assert [finding.severity for finding in lint(document, importer)] == ["error", "warning"]


def test_without_an_importer_nothing_is_imported(document):
    SPOILERS["a run_fn that is not there"][1](document)
    assert lint(document, importer=None) == []


def test_dotted_paths_and_titles_of_artifacts_are_imported():
    assert import_by_path("tfx.Examples").TYPE_NAME == "Examples"
    assert import_by_path("components.QuarantineReport").TYPE_NAME == "components.QuarantineReport"
    for path in ("tfx.Nothing", "components.Nothing", "nowhere.at.all", "undotted"):
        with pytest.raises(ImportError):
            import_by_path(path)


def test_a_finding_is_one_line_that_no_terminal_obeys(document):
    document.spec["pipelineInfo"]["name"] = "a\x1b[31m\nb"
    (finding,) = lint(document, None)
    assert "a\\x1b[31m b" in str(finding)

"""What is in the compiled pipeline."""

import dataclasses
import json

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from typer.testing import CliRunner

from components.run_environment import tracking_store
from groundfloor.errors import UserError
from pipeline import compile_kubeflow, kubeflow_lint
from pipeline.config import load_config
from pipeline.kubeflow.compiler import compile_pipeline
from pipeline.kubeflow.document import read_document
from pipeline.kubeflow.lint import lint
from tests import ROOT
from tests.pipeline.kubeflow.conftest import IMAGE, SETTINGS, TRAINING_IMAGE

CONFIGS = ROOT / "configs"

STEPS = {
    "ExampleValidator",
    "FaceEvaluator",
    "ImageExampleGen",
    "ImageTransform",
    "Pusher",
    "SchemaGen",
    "StatisticsGen",
    "Trainer",
}


def compile_with(*settings):
    return compile_pipeline(load_config(None, [*SETTINGS, *settings]), IMAGE)


def steps_of(document):
    return {step.name: step for step in document.steps}


def test_the_steps_are_those_of_the_local_pipeline_without_the_resolver(compiled):
    assert set(steps_of(compiled)) == STEPS


def test_kfp_loads_the_file(compiled, tmp_path):
    path = tmp_path / "face_pipeline.yaml"
    path.write_text(compiled.to_yaml())
    loaded = components.load_component_from_file(str(path))
    assert set(loaded.pipeline_spec.root.dag.tasks) == STEPS
    assert set(loaded.component_spec.inputs) == {
        "data-dir",
        "epochs",
        "batch-size",
        "margin",
        "scale",
    }


def test_no_field_is_unknown_to_kfps_own_definitions(compiled):
    spec = json_format.ParseDict(compiled.spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(
        json_format.MessageToDict(spec.deployment_spec),
        pipeline_spec_pb2.PipelineDeploymentConfig(),
    )
    json_format.ParseDict(compiled.platform, pipeline_spec_pb2.PlatformSpec())
    for config in compiled.executor_configs.values():
        json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_the_compiled_pipeline_has_no_findings(compiled):
    assert lint(compiled) == []


@pytest.mark.parametrize("place", ["span-{SPAN:3}/v{VERSION}/train.rec", "train-*.tfrecord"])
def test_a_pattern_of_images_goes_to_the_step_as_it_is(place):
    document = compile_with(f"data.input_dir=/mnt/faces/{place}")
    assert document.parameters["data-dir"]["defaultValue"] == f"/mnt/faces/{place}"
    assert lint(document) == []


def test_the_same_configuration_gives_the_same_bytes(compiled):
    config = load_config(None, SETTINGS)
    assert compile_pipeline(config, IMAGE, TRAINING_IMAGE).to_yaml() == compiled.to_yaml()


def test_what_a_run_can_set_has_the_configurations_value_for_a_default(compiled):
    assert compiled.parameters == {
        "data-dir": {"parameterType": "STRING", "defaultValue": "/mnt/faces"},
        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 50},
        "batch-size": {"parameterType": "NUMBER_INTEGER", "defaultValue": 64},
        "margin": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
        "scale": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 64.0},
    }


def test_a_default_of_zero_is_not_lost():
    assert compile_with("model.arcface_margin=0").parameters["margin"]["defaultValue"] == 0.0


def test_what_is_left_to_the_data_is_a_number_below_those_that_can_be_set():
    document = compile_with(
        "training.epochs=auto",
        "training.batch_size=auto",
        "model.arcface_margin=auto",
        "model.arcface_scale=auto",
    )
    names = {"epochs", "batch-size", "margin", "scale"}
    assert {document.parameters[name]["defaultValue"] for name in names} == {-1}
    assert document.parameters["epochs"]["parameterType"] == "NUMBER_INTEGER"
    assert lint(document) == []


def test_the_trainer_has_its_own_image_and_all_others_the_common_one(compiled):
    images = {name: step.container["image"] for name, step in steps_of(compiled).items()}
    assert images.pop("Trainer") == TRAINING_IMAGE
    assert set(images.values()) == {IMAGE}


def test_without_a_training_image_the_trainer_has_the_common_one():
    assert {step.container["image"] for step in compile_with().steps} == {IMAGE}


def test_images_may_be_pinned_by_their_digests():
    pinned = f"registry.example/faces@sha256:{'0' * 64}"
    document = compile_pipeline(load_config(None, SETTINGS), pinned)
    assert {step.container["image"] for step in document.steps} == {pinned}
    assert lint(document) == []


def test_every_step_has_the_resources_of_its_kind():
    asked = {
        kind: {"cpu_request": "1", "cpu_limit": cpu, "memory_request": "1Gi", "memory_limit": "2Gi"}
        for kind, cpu in (("data", "2"), ("training", "3"), ("evaluation", "4500m"))
    }
    limits = {
        name: step.container["resources"]["resourceCpuLimit"]
        for name, step in steps_of(compile_with(f"kubeflow.resources={asked}")).items()
    }
    assert limits == dict.fromkeys(STEPS, "2") | {
        "Trainer": "3",
        "FaceEvaluator": "4500m",
        "Pusher": "4500m",
    }


def test_resources_are_written_for_older_backends_as_well(compiled):
    resources = steps_of(compiled)["Trainer"].container["resources"]
    assert resources["resourceMemoryLimit"] == "8Gi"
    assert resources["memoryLimit"] == pytest.approx(8.589934592)  # GB
    assert (resources["cpuRequest"], resources["cpuLimit"]) == (2.0, 4.0)


def test_only_the_trainer_has_the_gpu_and_the_node_selector(compiled):
    with_gpu = {
        name: step.container["resources"]["accelerator"]
        for name, step in steps_of(compiled).items()
        if "accelerator" in step.container["resources"]
    }
    assert set(with_gpu) == {"Trainer"}
    assert with_gpu["Trainer"]["resourceType"] == "nvidia.com/gpu"
    assert with_gpu["Trainer"]["resourceCount"] == "1"
    selectors = {
        label: config["nodeSelector"]["labels"]
        for label, config in compiled.executor_configs.items()
        if "nodeSelector" in config
    }
    assert selectors == {"Trainer_executor": {"disk": "fast"}}


def test_the_trainer_asks_for_several_gpus_of_a_node_and_takes_them_all():
    trainer = steps_of(compile_with("kubeflow.gpu.count=4"))["Trainer"]
    assert trainer.container["resources"]["accelerator"] == {
        "resourceType": "nvidia.com/gpu",
        "resourceCount": "4",
        "type": "nvidia.com/gpu",
        "count": 4,
    }
    parameters = trainer.task["inputs"]["parameters"]
    settings = json.loads(parameters["custom_config"]["runtimeValue"]["constant"])
    assert settings["training"]["strategy"] == "auto"


def test_without_a_gpu_nothing_is_asked_for():
    resources = steps_of(compile_with("kubeflow.gpu.count=0"))["Trainer"].container["resources"]
    assert "accelerator" not in resources


def test_every_executor_gets_the_volumes_and_the_secrets(compiled):
    configs = compiled.executor_configs
    assert set(configs) == {step.label for step in compiled.steps}
    for config in configs.values():
        (mount,), (secret,) = config["pvcMount"], config["secretAsEnv"]
        assert (mount["constant"], mount["mountPath"]) == ("data", "/mnt")
        assert mount["pvcNameParameter"]["runtimeValue"]["constant"] == "data"
        assert secret["secretName"] == "mlflow"
        assert secret["keyToEnv"] == [
            {"envVar": "MLFLOW_TRACKING_PASSWORD", "secretKey": "password"}
        ]


def test_without_anything_for_kubernetes_there_is_no_platform_part():
    document = compile_with(
        "kubeflow.volumes=[]", "kubeflow.secrets=[]", "kubeflow.node_selector={}"
    )
    assert document.platform == {}
    assert len(list(yaml.safe_load_all(document.to_yaml()))) == 1


def test_every_step_is_tried_again(compiled):
    retries = {step.task["retryPolicy"]["maxRetryCount"] for step in compiled.steps}
    assert retries == {2}
    assert all("retryPolicy" not in step.task for step in compile_with("kubeflow.retries=0").steps)


def test_steps_are_cached_but_for_those_that_look_into_a_folder(compiled):
    def uncached(document):
        return {
            step.name for step in document.steps if not step.task["cachingOptions"]["enableCache"]
        }

    assert uncached(compiled) == {"ImageExampleGen", "FaceEvaluator", "Pusher"}
    assert uncached(compile_with("kubeflow.cache=false")) == STEPS


def test_the_driver_that_kfp_does_not_run_is_left_out(compiled):
    assert not [step.name for step in compiled.steps if "lifecycle" in step.container]


def test_lists_and_mappings_are_named_to_the_entrypoint(compiled):
    named = {
        step.name: argument.removeprefix("--json_properties=")
        for step in compiled.steps
        for argument in step.container["args"]
        if argument.startswith("--json_properties=")
    }
    assert named == {"ImageTransform": "input_shape"}


def test_the_tracking_store_is_named_in_the_environment_of_the_steps_that_track(
    compiled, monkeypatch
):
    told = {step.name: step.container["env"] for step in compiled.steps if "env" in step.container}
    assert set(told) == {"Trainer", "FaceEvaluator", "Pusher"}
    (variable,) = told["Trainer"]
    assert told["FaceEvaluator"] == told["Pusher"] == [variable]
    monkeypatch.setenv(variable["name"], variable["value"])
    store = tracking_store()
    assert (store.uri, store.experiment) == ("http://mlflow.example:5000", "arcface-pipeline")
    assert store.configuration["tracking"]["uri"] == "http://mlflow.example:5000"
    without = compile_with("tracking.enabled=false")
    assert not [step.name for step in without.steps if "env" in step.container]


def test_the_pipeline_root_is_in_the_specification():
    assert "defaultPipelineRoot" not in compile_with().spec
    document = compile_with("kubeflow.pipeline_root=s3://bucket/faces")
    assert document.spec["defaultPipelineRoot"] == "s3://bucket/faces"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("data.input_dir=null", "no images: give data.input_dir"),
        ("kubeflow.serving_dir=null", "kubeflow.serving_dir must name"),
        ("tracking.uri=null", "tracking.uri must name an MLflow server"),
        ("tracking.uri=http://me:hunter2@host", "tracking.uri must hold no user, password or tok"),
        ("tracking.uri=postgresql://h/db?password=hunter2", "kubeflow.secrets"),
    ],
)
def test_a_configuration_that_says_too_little_is_one_clear_error(setting, message):
    with pytest.raises(UserError, match=message):
        compile_with(setting)


def test_no_image_is_one_clear_error():
    with pytest.raises(UserError, match="no image: give --image"):
        compile_pipeline(load_config(None, SETTINGS))


def invoke(app, *arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_writes_the_shipped_configuration(tmp_path):
    output = tmp_path / "build" / "p.yaml"
    result = invoke(
        compile_kubeflow.app,
        *("--config", CONFIGS / "kubeflow.yaml", "--image", "here/faces:2", "--output", output),
        *("--set", "kubeflow.train_job={workers: 2, output_dir: /mnt/models/trained}"),
    )
    assert result.exit_code == 0, result.output
    images = {
        name: step.container["image"] for name, step in steps_of(read_document(output)).items()
    }
    assert images["ImageExampleGen"] == "here/faces:2"
    assert images["Trainer"].startswith("registry.example/arcface-pipeline-training")
    beside = {path.name: path.read_text() for path in output.parent.iterdir() if path != output}
    assert set(beside) == {"inference_service.yaml", "train_job.yaml"}
    assert "image: here/faces:2" in beside["inference_service.yaml"]
    assert f"image: {images['Trainer']}" in beside["train_job.yaml"]


def test_the_lint_command_passes_a_compiled_file_and_fails_a_spoilt_one(compiled, tmp_path):
    good, spoilt = tmp_path / "good.yaml", tmp_path / "spoilt.yaml"
    good.write_text(compiled.to_yaml())
    spec = compiled.spec | {"schemaVersion": "2.0.0"}
    spoilt.write_text(dataclasses.replace(compiled, spec=spec).to_yaml())
    assert invoke(kubeflow_lint.app, good).exit_code == 0
    result = invoke(kubeflow_lint.app, spoilt, "--no-imports")
    assert result.exit_code == 1
    assert "[schema-version]" in result.output
    assert "1 errors, 0 warnings" in result.output


def test_a_verification_set_is_compiled_where_its_files_are_not():
    document = compile_with(
        "evaluation.verification.lfw={file: /mnt/faces/pairs.txt, images: /mnt/faces/lfw}",
        "evaluation.protocols.pairs.file=/mnt/faces/cfp_fp.bin",
    )
    assert lint(document) == []
    text = document.to_yaml()
    for place in ("pairs.txt", "lfw", "cfp_fp.bin"):
        assert f"/mnt/faces/{place}" in text


def test_a_pipeline_that_would_not_run_is_not_written(tmp_path):
    output = tmp_path / "p.yaml"
    result = invoke(
        compile_kubeflow.app,
        *("--config", CONFIGS / "kubeflow.yaml", "--set", "kubeflow.pipeline_root=/artifacts"),
        *("--output", output),
    )
    assert result.exit_code == 2
    assert "[pipeline-root]" in result.output
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "kubeflow.imge=x"], "kubeflow.imge: unknown key (did you mean image?)"),
        (["--config", "nowhere.yaml"], "cannot read the configuration nowhere.yaml"),
        (["--output", "p.json"], "--output must end in .yaml"),
        (["--set", "kubeflow.retries=-1"], "kubeflow.retries: "),
        (["--set", "kubeflow.resources.data.cpu_limit=4"], "kubeflow.resources.data.cpu_limit: "),
        (
            ["--set", "kubeflow.volumes=[{claim: x}]"],
            "kubeflow.volumes.0.mount_path: Field required",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message):
    result = invoke(compile_kubeflow.app, "--config", CONFIGS / "kubeflow.yaml", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output

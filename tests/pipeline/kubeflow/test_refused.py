"""What KFP's own compiler and driver refuse, the lint has refused before."""

import pytest

from pipeline.kubeflow.lint import lint
from tests.pipeline.kubeflow.sound import constant, importer


def task(document, name="Trainer"):
    return document.spec["root"]["dag"]["tasks"][name]


def component(document):
    return document.spec["components"]["Trainer"]


def container(document):
    return document.spec["deploymentSpec"]["executors"]["Trainer_executor"]["container"]


def config(document):
    return document.executor_configs["Trainer_executor"]


def parameter_of(document, source):
    task(document)["inputs"]["parameters"]["x"] = source


def claim(document, **mount):
    config(document)["pvcMount"][0].update(mount)


def accelerator(document, **asked):
    container(document)["resources"]["accelerator"] = asked


def retry(document, **policy):
    task(document)["retryPolicy"] = policy


# The API server of KFP and its compiler for Argo refuse these with the run, its driver when the
# step is to begin.
REFUSED = {
    "a field of the pipeline that KFP does not have": ("schema", lambda d: d.spec.update(foo=1)),
    "a field of a task that it does not have": ("schema", lambda d: task(d).update(foo=1)),
    "a field of a component": ("schema", lambda d: component(d).update(foo=1)),
    "a field of the platform part": ("schema", lambda d: config(d).update(foo=1)),
    "a field of a claim": ("schema", lambda d: claim(d, foo=1)),
    "a type of parameter": (
        "schema",
        lambda d: d.parameters["data-dir"].update(parameterType="TEXT"),
    ),
    "a duration without a unit": ("schema", lambda d: retry(d, backoffDuration="60")),
    "a duration in minutes": ("schema", lambda d: retry(d, backoffDuration="1m")),
    "a number in words": ("schema", lambda d: retry(d, maxRetryCount="two")),
    "a truth in words": ("schema", lambda d: task(d)["cachingOptions"].update(enableCache="yes")),
    "a strategy of the trigger": (
        "schema",
        lambda d: task(d).update(triggerPolicy={"strategy": "SOON"}),
    ),
    "an artifact of two types": (
        "schema",
        lambda d: component(d)["outputDefinitions"]["artifacts"]["model"]["artifactType"].update(
            schemaTitle="tfx.Model"
        ),
    ),
    "memory as an old field in words": (
        "schema",
        lambda d: container(d)["resources"].update(memoryLimit="much"),
    ),
    "accelerators as an old field in words": ("schema", lambda d: accelerator(d, count="two")),
    "accelerators in words": (
        "resources",
        lambda d: accelerator(d, resourceType="nvidia.com/gpu", resourceCount="two"),
    ),
    "memory in a unit that is none": (
        "resources",
        lambda d: container(d)["resources"].update(resourceMemoryLimit="8GB"),
    ),
    "a pull policy": ("names", lambda d: config(d).update(imagePullPolicy="Sometimes")),
    "a parameter that the pipeline does not have": (
        "references",
        lambda d: parameter_of(d, {"componentInputParameter": "missing"}),
    ),
    "a parameter without a value": ("references", lambda d: parameter_of(d, {"runtimeValue": {}})),
    "a parameter as schema 2.0 had it": (
        "references",
        lambda d: parameter_of(d, {"runtimeValue": {"constantValue": {"stringValue": "a"}}}),
    ),
    "a placeholder of no parameter": (
        "references",
        lambda d: container(d)["args"].append("--x={{$.inputs.parameters['missing']}}"),
    ),
    "an artifact of no step": (
        "references",
        lambda d: task(d)["inputs"].update(
            artifacts={"x": {"taskOutputArtifact": {"producerTask": "Missing"}}}
        ),
    ),
    "no steps": (
        "executor",
        lambda d: (
            d.spec["root"].pop("dag"),
            d.platform.clear(),
            d.parameters["data-dir"].update(defaultValue="s3://bucket/faces"),
        ),
    ),
    "a claim by a parameter that is not there": (
        "references",
        lambda d: claim(d, pvcNameParameter={"componentInputParameter": "missing"}),
    ),
}

# KFP takes these, and Argo or Kubernetes refuses them when the run is under way.
REFUSED_LATER = {
    "a step that waits for none": (
        "references",
        lambda d: task(d).update(dependentTasks=["Missing"]),
    ),
    "steps that wait for each other": (
        "references",
        lambda d: (
            task(d).update(dependentTasks=["Gen"]),
            task(d, "Gen").update(dependentTasks=["Trainer"]),
        ),
    ),
    "half an accelerator": (
        "resources",
        lambda d: accelerator(d, resourceType="nvidia.com/gpu", resourceCount="0.5"),
    ),
    "an accelerator's name": (
        "resources",
        lambda d: accelerator(d, resourceType="nvidia gpu", resourceCount="1"),
    ),
    "a limit below nothing": (
        "resources",
        lambda d: container(d)["resources"].update(resourceMemoryLimit="-8Gi"),
    ),
    "a variable of the container": (
        "names",
        lambda d: container(d).update(env=[{"name": "A B", "value": "x"}]),
    ),
    "a claim that can be no volume's name": ("names", lambda d: claim(d, constant="faces.v1")),
    "a claim that is longer than a volume's name": (
        "names",
        lambda d: claim(d, constant="f" * 64),
    ),
    "a claim with the name of one of the launcher's volumes": (
        "names",
        lambda d: claim(d, constant="s3-scratch"),
    ),
    "a claim by another name": (
        "names",
        lambda d: claim(d, pvcNameParameter=constant("Faces")),
    ),
    "a secret by another name": (
        "names",
        lambda d: config(d)["secretAsEnv"][0].update(secretNameParameter=constant("A_b")),
    ),
    "a volume over a folder that the launcher mounts": (
        "volumes",
        lambda d: config(d)["pvcMount"].append({"constant": "b", "mountPath": "/.cache"}),
    ),
}


@pytest.mark.parametrize(
    ("rule", "spoil"), (REFUSED | REFUSED_LATER).values(), ids=REFUSED | REFUSED_LATER
)
def test_the_lint_has_refused_it(document, rule, spoil):
    spoil(document)
    errors = [finding for finding in lint(document, importer) if finding.severity == "error"]
    assert {finding.rule for finding in errors} == {rule}


TAKEN = {
    "fields of a container that KFP passes over": lambda d: container(d).update(foo=1),
    "a limit alone": lambda d: container(d)["resources"].pop("resourceCpuRequest"),
    "a quantity by a parameter": lambda d: container(d)["resources"].update(
        resourceMemoryLimit="{{$.inputs.parameters['run_fn']}}"
    ),
    "accelerators": lambda d: accelerator(d, resourceType="nvidia.com/gpu", resourceCount="2"),
    "a placeholder of a parameter": lambda d: container(d)["args"].append(
        "--x={{$.inputs.parameters['run_fn']}}"
    ),
    "a claim by a parameter": lambda d: claim(
        d, pvcNameParameter={"componentInputParameter": "data-dir"}
    ),
    "a claim by its new name alone": lambda d: claim(
        d, constant="", pvcNameParameter=constant("f")
    ),
    "a step that waits": lambda d: task(d).update(dependentTasks=["Gen"]),
    "an artifact of a step": lambda d: task(d)["inputs"].update(
        artifacts={"x": {"taskOutputArtifact": {"producerTask": "Gen", "outputArtifactKey": "q"}}}
    ),
    "a pull policy": lambda d: config(d).update(imagePullPolicy="Always"),
    "a duration": lambda d: retry(d, maxRetryCount=2, backoffDuration="60s"),
}


@pytest.mark.parametrize("change", TAKEN.values(), ids=TAKEN)
def test_what_kfp_takes_is_no_finding(document, change):
    change(document)
    assert lint(document, importer) == []

"""Puts back into a specification what TFX's compiler drops, and takes out what KFP does not read.

Dropped by TFX 1.16 and 1.21 (`tfx/orchestration/kubeflow/v2/step_builder.py`): the default of a
runtime parameter, retries, the resources of a file-based ExampleGen (tfx#6146), the type of a
property that is a list or a mapping, and the pipeline root. Open-source KFP reads no `lifecycle`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.kubeflow.config import GpuConfig, KubeflowConfig, StepResources
from pipeline.kubeflow.document import PipelineDocument, Step
from pipeline.kubeflow.quantity import parse_quantity

TRAINER = "Trainer"

_KINDS = {TRAINER: "training", "FaceEvaluator": "evaluation", "Pusher": "evaluation"}
_OTHER_KIND = "data"

# Their results depend on what a folder holds, which is in no cache key: open-source KFP does not
# run the driver that would fingerprint the images, and knows nothing of the pushed models.
FOLDER_STEPS = frozenset({"ImageExampleGen", "FaceEvaluator", "Pusher"})

_BACKOFF = {"backoffDuration": "60s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s"}


@dataclass(frozen=True)
class Dropped:
    """What the specification no longer tells.

    Attributes:
      defaults: runtime parameter -> its default.
      json_properties: step -> its properties that are lists or mappings, which TFX writes as JSON
        text and gives its executors as text.
    """

    defaults: Mapping[str, Any]
    json_properties: Mapping[str, Sequence[str]]


def complete(document: PipelineDocument, settings: KubeflowConfig, dropped: Dropped) -> None:
    """Completes a specification in place."""
    if settings.pipeline_root:
        document.spec["defaultPipelineRoot"] = settings.pipeline_root
    for name, default in dropped.defaults.items():
        document.parameters[name]["defaultValue"] = default
    for step in document.steps:
        _complete_task(step, settings)
        _complete_container(step, settings)
        names = dropped.json_properties.get(step.name)
        if names:
            step.container["args"].append(f"--json_properties={','.join(names)}")


def _complete_task(step: Step, settings: KubeflowConfig) -> None:
    cached = settings.cache and step.name not in FOLDER_STEPS
    step.task["cachingOptions"] = {"enableCache": cached}
    if settings.retries:
        step.task["retryPolicy"] = {"maxRetryCount": settings.retries, **_BACKOFF}


def _complete_container(step: Step, settings: KubeflowConfig) -> None:
    step.container.pop("lifecycle", None)
    kind = _KINDS.get(step.name, _OTHER_KIND)
    resources = _resources(getattr(settings.resources, kind))
    if step.name == TRAINER and settings.gpu.count:
        resources["accelerator"] = _accelerator(settings.gpu)
    step.container["resources"] = resources


def _resources(resources: StepResources) -> dict[str, Any]:
    """Each twice, as KFP's compiler does: as text, and as the number that older backends read."""
    return {
        "resourceCpuRequest": resources.cpu_request,
        "resourceCpuLimit": resources.cpu_limit,
        "resourceMemoryRequest": resources.memory_request,
        "resourceMemoryLimit": resources.memory_limit,
        "cpuRequest": parse_quantity(resources.cpu_request),
        "cpuLimit": parse_quantity(resources.cpu_limit),
        "memoryRequest": parse_quantity(resources.memory_request) / 1e9,
        "memoryLimit": parse_quantity(resources.memory_limit) / 1e9,
    }


def _accelerator(gpu: GpuConfig) -> dict[str, Any]:
    return {
        "resourceType": gpu.type,
        "resourceCount": str(gpu.count),
        "type": gpu.type,
        "count": gpu.count,
    }

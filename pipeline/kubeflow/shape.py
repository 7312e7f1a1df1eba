"""What a compiled pipeline looks like, as far as this project looks into it.

The lint is for files that others have made, too: what is not of this shape is refused with its
place, and all that follows can rely on it. Other keys may be there and are left alone.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from groundfloor.errors import UserError
from groundfloor.text import shown, shown_text

_MAX_MISTAKES = 10


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, alias_generator=to_camel)


class _Info(_Part):
    name: str


class _Parameter(_Part):
    parameter_type: str = ""


class _ArtifactType(_Part):
    schema_title: str = ""
    instance_schema: str = ""


class _Artifact(_Part):
    artifact_type: _ArtifactType = _ArtifactType()


class _Definitions(_Part):
    parameters: dict[str, _Parameter] = {}
    artifacts: dict[str, _Artifact] = {}


class _Output(_Part):
    producer_task: str = ""


class _Source(_Part):
    runtime_value: dict[str, Any] = {}
    component_input_parameter: str = ""
    task_output_parameter: _Output = _Output()
    task_output_artifact: _Output = _Output()


class _TaskInputs(_Part):
    parameters: dict[str, _Source] = {}
    artifacts: dict[str, _Source] = {}


class _Reference(_Part):
    name: str = ""


class _Policy(_Part):
    condition: str = ""


class _Task(_Part):
    component_ref: _Reference = _Reference()
    inputs: _TaskInputs = _TaskInputs()
    dependent_tasks: list[str] = []
    trigger_policy: _Policy = _Policy()
    caching_options: dict[str, Any] = {}


class _Dag(_Part):
    tasks: dict[str, _Task] = {}


class _Root(_Part):
    input_definitions: _Definitions = _Definitions()
    dag: _Dag = _Dag()


class _Component(_Part):
    executor_label: str = ""
    input_definitions: _Definitions = _Definitions()
    output_definitions: _Definitions = _Definitions()


class _Variable(_Part):
    name: str
    value: str = ""


class _Accelerator(_Part):
    resource_type: str = ""
    resource_count: str = ""


class _Resources(_Part):
    resource_cpu_request: str = ""
    resource_cpu_limit: str = ""
    resource_memory_request: str = ""
    resource_memory_limit: str = ""
    accelerator: _Accelerator = _Accelerator()


class _Container(_Part):
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    env: list[_Variable] = []
    resources: _Resources = _Resources()


class _Executor(_Part):
    container: _Container = _Container()


class _Deployment(_Part):
    executors: dict[str, _Executor] = {}


class _Spec(_Part):
    pipeline_info: _Info
    default_pipeline_root: str = ""
    root: _Root = _Root()
    components: dict[str, _Component] = {}
    deployment_spec: _Deployment = _Deployment()


class _Mount(_Part):
    constant: str = ""
    mount_path: str = ""
    pvc_name_parameter: _Source = _Source()


class _Mapping(_Part):
    env_var: str = ""
    secret_key: str = ""


class _Secret(_Part):
    secret_name: str = ""
    secret_name_parameter: _Source = _Source()
    key_to_env: list[_Mapping] = []


class _Selector(_Part):
    labels: dict[str, str] = {}


class _ExecutorConfig(_Part):
    pvc_mount: list[_Mount] = []
    secret_as_env: list[_Secret] = []
    node_selector: _Selector = _Selector()
    image_pull_policy: str = ""


class _KubernetesDeployment(_Part):
    executors: dict[str, _ExecutorConfig] = {}


class _Kubernetes(_Part):
    deployment_spec: _KubernetesDeployment = _KubernetesDeployment()


class _Platforms(_Part):
    kubernetes: _Kubernetes = _Kubernetes()


class _Platform(_Part):
    platforms: _Platforms = _Platforms()


def check_shape(spec: Any, platform: Any, file: str) -> None:
    """Refuses what is of another shape.

    Args:
      spec: PipelineSpec, as JSON has it.
      platform: PlatformSpec, the same; empty where there is none.
      file: where they were read.

    Raises:
      UserError: naming each place.
    """
    lines = []
    for model, part in ((_Spec, spec), (_Platform, platform)):
        try:
            model.model_validate(part)
        except ValidationError as error:
            lines += [_described(item) for item in error.errors()]
    if lines:
        raise UserError("\n".join(f"{file}: {line}" for line in lines[:_MAX_MISTAKES]))


def _described(item: Any) -> str:
    place = shown_text(".".join(str(part) for part in item["loc"]))
    return f"{place}: {item['msg']}. Received: {shown(item['input'])}"

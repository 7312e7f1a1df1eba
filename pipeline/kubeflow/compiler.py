"""Compiles the pipeline: from a configuration to the document that Kubeflow Pipelines takes."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, get_origin

from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from components.run_environment import TrackingStore, store_variables
from components.trainer.component import Hyperparameters
from components.trainer.config import TrainerSettings
from pipeline.config import Config
from pipeline.dag import Places, create_pipeline
from pipeline.kubeflow import entrypoint, preflight
from pipeline.kubeflow.completion import TRAINER, Dropped, complete
from pipeline.kubeflow.document import PipelineDocument
from pipeline.kubeflow.flink_deployment import beam_args
from pipeline.kubeflow.platform import platform_spec
from pipeline.tracking import store_for

_TRACKING_STEPS = (TRAINER, "FaceEvaluator", "Pusher")


@dataclass(frozen=True)
class Parameters:
    """What a run can set at submission; everything else is fixed when the pipeline is compiled."""

    data_dir: RuntimeParameter
    epochs: RuntimeParameter
    batch_size: RuntimeParameter
    margin: RuntimeParameter
    scale: RuntimeParameter

    def defaults(self) -> dict[str, Any]:
        """Name -> the configuration's value."""
        parameters = (getattr(self, field.name) for field in fields(self))
        return {parameter.name: parameter.default for parameter in parameters}


def compile_pipeline(
    config: Config, image: str | None = None, training_image: str | None = None
) -> PipelineDocument:
    """Compiles the pipeline that `create_pipeline` builds.

    Args:
      config: what to do.
      image: of all steps, in place of the configuration's.
      training_image: of the Trainer, in place of the configuration's.

    Raises:
      UserError: the configuration says too little to run on a cluster.
    """
    parameters = _parameters(config)
    store = _tracking_store(config)
    pipeline = create_pipeline(
        config,
        _places(config, parameters),
        hyperparameters=Hyperparameters(
            epochs=parameters.epochs,
            batch_size=parameters.batch_size,
            arcface_margin=parameters.margin,
            arcface_scale=parameters.scale,
        ),
        beam_args=_beam_args(config),
    )
    dropped = Dropped(parameters.defaults(), _json_properties(pipeline.components))
    images = _images(config, [step.id for step in pipeline.components], image, training_image)
    document = PipelineDocument(_compile_with_tfx(pipeline, images))
    complete(document, config.kubeflow, dropped)
    _name_store(document, store)
    return PipelineDocument(document.spec, platform_spec(document, config.kubeflow))


def _beam_args(config: Config) -> list[str]:
    """Options of Beam: the configuration's, or those of the Flink cluster that it asks for."""
    on_flink = beam_args(config.kubeflow) if config.kubeflow.flink.task_managers else []
    return config.beam.pipeline_args or on_flink


def _compile_with_tfx(pipeline: Any, images: dict[str, str]) -> dict[str, Any]:
    runner_config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image=images,
        default_commands=["python", "-m", entrypoint.__name__],
        use_pipeline_spec_2_1=True,
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(config=runner_config)
    return runner.run(pipeline, write_out=False)["pipelineSpec"]


def _parameters(config: Config) -> Parameters:
    settings = TrainerSettings(model=config.model, training=config.training, seed=config.data.seed)
    given = Hyperparameters.of(settings)
    return Parameters(
        data_dir=RuntimeParameter("data-dir", str, str(preflight.input_dir(config))),
        epochs=RuntimeParameter("epochs", int, given.epochs),
        batch_size=RuntimeParameter("batch-size", int, given.batch_size),
        margin=RuntimeParameter("margin", float, given.arcface_margin),
        scale=RuntimeParameter("scale", float, given.arcface_scale),
    )


def _places(config: Config, parameters: Parameters) -> Places:
    return Places(
        input_dir=parameters.data_dir,
        pipeline_root=config.kubeflow.pipeline_root,
        serving_dir=preflight.serving_dir(config),
        baseline_from_pushed=True,
    )


def _tracking_store(config: Config) -> TrackingStore | None:
    uri = preflight.tracking_uri(config)
    return None if uri is None else store_for(config, uri)


def _name_store(document: PipelineDocument, store: TrackingStore | None) -> None:
    """Names the store in the environment of the steps that track, which is in no cache key."""
    variables = [{"name": key, "value": text} for key, text in store_variables(store).items()]
    for step in document.steps:
        if step.name in _TRACKING_STEPS and variables:
            step.container["env"] = variables


def _images(
    config: Config, steps: Iterable[str], image: str | None, training_image: str | None
) -> dict[str, str]:
    """Image of every step by its id, and of any that is not listed: TFX would take its own."""
    image = preflight.image_of_steps(config, image)
    training_image = training_image or config.kubeflow.training_image or image
    images = {step: training_image if step == TRAINER else image for step in steps}
    return images | {kubeflow_v2_dag_runner.pipeline_builder.DEFAULT_IMAGE_PATH_KEY: image}


def _json_properties(components: Iterable[Any]) -> dict[str, list[str]]:
    """Of each step, the properties given that are declared as a list or a mapping."""
    return {
        component.id: sorted(
            name
            for name, parameter in component.spec.PARAMETERS.items()
            if get_origin(parameter.type) and component.exec_properties.get(name) is not None
        )
        for component in components
    }

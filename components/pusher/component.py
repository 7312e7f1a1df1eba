"""Pusher: TFX's own, with an executor that pushes a model and its thresholds as one."""

from tfx.components.pusher import component
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs

from components.pusher import executor
from components.source_digest import source_digest


class PusherSpec(standard_component_specs.PusherSpec):
    """Pusher's specification, with the digest of our code."""

    PARAMETERS = standard_component_specs.PusherSpec.PARAMETERS | {
        "source_digest": component_spec.ExecutionParameter(type=str),
    }


class Pusher(component.Pusher):
    """TFX's Pusher."""

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self, model: channel.BaseChannel, model_blessing: channel.BaseChannel, serving_dir: str
    ):
        """Constructs the component.

        Args:
          model: `Model` of the Trainer.
          model_blessing: `ModelBlessing` of FaceEvaluator.
          serving_dir: where the versions of blessed models are.
        """
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            push_destination=pusher_pb2.PushDestination(
                filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_dir)
            ),
            source_digest=source_digest(executor.__name__),
            pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
        )
        # Pusher's own constructor only builds the specification that we replace.
        super(component.Pusher, self).__init__(spec=spec)

"""What the metadata store knows of a pipeline's latest run, read without TFX."""

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Artifact, Context, Event, Execution

_RUN_CONTEXT = "pipeline_run"


def executions_of_latest_run(store: MetadataStore, pipeline: str | None = None) -> list[Execution]:
    """What the nodes of the latest run did, from the cache or not.

    Args:
      store: with the runs of one pipeline, or of many.
      pipeline: the one that is meant, where there are many.

    Raises:
      LookupError: the store holds no run of it.
    """
    runs = store.get_contexts_by_type(_RUN_CONTEXT) if pipeline is None else _runs(store, pipeline)
    if not runs:
        raise LookupError("the metadata store holds no pipeline run")
    return store.get_executions_by_context(max(run.id for run in runs))


def _runs(store: MetadataStore, pipeline: str) -> list[Context]:
    """The run of the latest execution of a pipeline, alone; none where it has not run."""
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    executions = store.get_executions_by_context(context.id) if context else []
    if not executions:
        return []
    latest = max(execution.id for execution in executions)
    contexts = store.get_contexts_by_execution(latest)
    return [found for found in contexts if found.type == _RUN_CONTEXT]


def artifacts_of_latest_run(
    store: MetadataStore, pipeline: str | None = None
) -> dict[str, Artifact]:
    """The artifacts that the nodes of the latest run gave, made in it or taken from the cache.

    Args:
      store: see `executions_of_latest_run`.
      pipeline: the same.

    Returns:
      output key, such as "evaluation" -> artifact. Where two nodes use one key (`schema`), the
      later node's.

    Raises:
      LookupError: the store holds no run.
    """
    executions = [execution.id for execution in executions_of_latest_run(store, pipeline)]
    events = [
        event
        for event in store.get_events_by_execution_ids(executions)
        if event.type == Event.OUTPUT
    ]
    by_id = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    return {
        event.path.steps[0].key: by_id[event.artifact_id]
        for event in sorted(events, key=lambda event: event.execution_id)
    }

"""What the metadata store knows of a pipeline's latest run, read without TFX."""

from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Artifact, Event, Execution

_RUN_CONTEXT = "pipeline_run"


def executions_of_latest_run(store: MetadataStore) -> list[Execution]:
    """What the nodes of the latest run did, from the cache or not.

    Raises:
      LookupError: the store holds no run.
    """
    runs = store.get_contexts_by_type(_RUN_CONTEXT)
    if not runs:
        raise LookupError("the metadata store holds no pipeline run")
    return store.get_executions_by_context(max(run.id for run in runs))


def artifacts_of_latest_run(store: MetadataStore) -> dict[str, Artifact]:
    """The artifacts that the nodes of the latest run gave, made in it or taken from the cache.

    Returns:
      output key, such as "evaluation" -> artifact. Where two nodes use one key (`schema`), the
      later node's.

    Raises:
      LookupError: the store holds no run.
    """
    executions = [execution.id for execution in executions_of_latest_run(store)]
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

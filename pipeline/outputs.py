"""What the latest run of a pipeline produced, from its metadata store."""

from typing import Any

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import artifact_utils

_RUN_CONTEXT = "pipeline_run"


def outputs_of_latest_run(store: MetadataStore) -> dict[str, Any]:
    """The artifacts that the nodes of the latest run gave, made in it or taken from the cache.

    Returns:
      output key, such as "evaluation" -> TFX artifact. Where two nodes use one key (`schema`), the
      later node's.

    Raises:
      LookupError: the store holds no run.
    """
    runs = store.get_contexts_by_type(_RUN_CONTEXT)
    if not runs:
        raise LookupError("the metadata store holds no pipeline run")
    latest = max(runs, key=lambda context: context.id)
    executions = [execution.id for execution in store.get_executions_by_context(latest.id)]
    events = [
        event
        for event in store.get_events_by_execution_ids(executions)
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    by_id = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    types = {kind.id: kind for kind in store.get_artifact_types()}
    return {
        event.path.steps[0].key: artifact_utils.deserialize_artifact(
            types[by_id[event.artifact_id].type_id], by_id[event.artifact_id]
        )
        for event in sorted(events, key=lambda event: event.execution_id)
    }

"""A metadata store filled as TFX fills it: executions of nodes, and artifacts in their folders."""

from pathlib import Path

from ml_metadata.proto.metadata_store_pb2 import (
    Artifact,
    ArtifactType,
    Context,
    ContextType,
    Execution,
    ExecutionType,
)

from pipeline import metadata_store


def add_execution(
    database: Path, node: str, state: int = Execution.COMPLETE, **artifacts: Path
) -> Execution:
    """An execution of a node, with its output artifacts: key -> folder."""
    store = metadata_store.connect(database)
    kind = store.put_execution_type(ExecutionType(name=f"type of {node}"))
    execution = Execution(type_id=kind, last_known_state=state)
    node_type = store.put_context_type(ContextType(name="node"))
    known = store.get_context_by_type_and_name("node", f"pipeline.{node}")
    context = known or Context(type_id=node_type, name=f"pipeline.{node}")
    execution_id, _, _ = store.put_execution(execution, [], [context])
    for key, folder in artifacts.items():
        add_artifact(database, key, folder)
    (stored,) = store.get_executions_by_id([execution_id])
    return stored


def add_artifact(database: Path, key: str, folder: Path, pushed: Path | None = None) -> int:
    """A live artifact in a folder; the model that it is about may have been pushed to another."""
    store = metadata_store.connect(database)
    kind = store.put_artifact_type(ArtifactType(name=key))
    artifact = Artifact(type_id=kind, uri=str(folder), state=Artifact.LIVE)
    if pushed:
        artifact.custom_properties["pushed_destination"].string_value = str(pushed)
    return store.put_artifacts([artifact])[0]

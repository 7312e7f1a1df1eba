"""What the latest run of a pipeline produced, as TFX knows it."""

from typing import Any

from ml_metadata import MetadataStore
from tfx.types import artifact_utils

from pipeline.latest_run import artifacts_of_latest_run


def outputs_of_latest_run(store: MetadataStore, pipeline: str | None = None) -> dict[str, Any]:
    """`artifacts_of_latest_run` as TFX artifacts.

    Raises:
      LookupError: the store holds no run.
    """
    types = {kind.id: kind for kind in store.get_artifact_types()}
    return {
        key: artifact_utils.deserialize_artifact(types[artifact.type_id], artifact)
        for key, artifact in artifacts_of_latest_run(store, pipeline).items()
    }

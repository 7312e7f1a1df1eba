"""What a configuration says of MLflow, as the steps of a run find it in their environment."""

import json
import logging
import os
from typing import Any

from components.run_environment import TrackingStore
from groundfloor.credentials import without_credentials
from pipeline.config import Config, TrackingConfig

_log = logging.getLogger(__name__)

# Linux takes no longer text for one variable of a new process, and some of the steps start some.
_MAX_CHARACTERS = 100_000


def given_uri(tracking: TrackingConfig) -> str:
    """The whole address of the store, perhaps with credentials; empty where none is given."""
    return tracking.uri or os.environ.get("MLFLOW_TRACKING_URI", "")


def store_for(config: Config, uri: str, **places: str | None) -> TrackingStore:
    """The store of a run.

    Args:
      config: of the run.
      uri: of the store, without credentials.
      places: further attributes of `TrackingStore` that the runner knows.
    """
    tracking = config.tracking
    return TrackingStore(
        uri,
        tracking.experiment,
        registered_model=tracking.registered_model,
        log_checkpoints=tracking.log_checkpoints,
        configuration=_recorded(config),
        **places,
    )


def _recorded(config: Config) -> dict[str, Any] | None:
    """The configuration as it is tracked; None, with a warning, if it is too long for that.

    Where steps run changes nothing of the model: the section `kubeflow` is left out, in which names
    of secrets would look like secrets.
    """
    values = config.model_dump(mode="json", exclude={"kubeflow"})
    if config.tracking.uri:
        values["tracking"]["uri"] = without_credentials(config.tracking.uri)
    if len(json.dumps(values)) > _MAX_CHARACTERS:
        _log.warning("MLflow gets the training's settings only: the configuration is too long")
        return None
    return values

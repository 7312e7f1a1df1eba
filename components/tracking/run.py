"""Where the MLflow run of a model is, and how a store's address stays without its credentials.

A store's credentials are in no record: `credentials_in_environment` keeps them in the environment
of the process, where each of its trackers finds them.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from urllib.parse import urlsplit

from components.run_environment import in_environment
from groundfloor.credentials import without_credentials

# Within the SavedModel, in the folder that TensorFlow Serving leaves to whatever goes with a model.
RUN_FILE = os.path.join("assets.extra", "mlflow_run.json")

# Where the whole address of the store is, for this process alone; MLflow's own variable is looked
# at, too, since that is how a Kubernetes secret gives it.
_URI_VARIABLE = "ARCFACE_PIPELINE_TRACKING_URI"
_MLFLOW_URI_VARIABLE = "MLFLOW_TRACKING_URI"


def _new_key() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class TrackedRun:
    """Where a model's MLflow run is.

    Attributes:
      tracking_uri: of the MLflow store, without credentials; empty: nothing is tracked.
      experiment: its name.
      run_id: None where there is no run, because tracking is off or failed.
      failure: why tracking stopped; empty if it did not.
      key: names the run whether or not the store knows it yet; a tag of the run.
    """

    tracking_uri: str
    experiment: str
    run_id: str | None = None
    failure: str = ""
    key: str = field(default_factory=_new_key, compare=False)

    @property
    def is_tracked(self) -> bool:
        """Whether somebody asked for this run to be tracked."""
        return bool(self.tracking_uri)

    def to_json(self) -> str:
        """The content of `RUN_FILE`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TrackedRun":
        """Reads what `to_json` wrote, of former versions too."""
        run = cls(**json.loads(text))
        if not is_remote(run.tracking_uri):  # a path, whatever its folders are called
            return run
        return replace(run, tracking_uri=without_credentials(run.tracking_uri))


@contextmanager
def credentials_in_environment(uri: str) -> Iterator[str]:
    """Keeps a store's credentials in the environment while the trackers need them.

    Args:
      uri: of the store, perhaps with credentials.

    Yields:
      The URI without them, to be recorded.
    """
    with in_environment({_URI_VARIABLE: uri}):
        yield without_credentials(uri)


def with_credentials(recorded: str) -> str:
    """The whole URI of a store, where the environment has the one that was recorded."""
    for variable in (_URI_VARIABLE, _MLFLOW_URI_VARIABLE):
        uri = os.environ.get(variable, "")
        if uri and without_credentials(uri) == recorded:
            return uri
    return recorded


def is_remote(uri: str) -> bool:
    """Whether a server has to answer; a file of this machine has nobody who could be slow."""
    return urlsplit(uri).scheme.partition("+")[0] not in ("", "file", "sqlite")

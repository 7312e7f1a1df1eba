"""What a run hands to its steps in the environment of their processes.

Where a training is tracked, where its state is kept, and what Beam runs on, changes no result. As
execution properties they would be part of the cache key, and another tracking server would train
the model anew.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_STORE = "ARCFACE_PIPELINE_TRACKING_STORE"
_BEAM = "ARCFACE_PIPELINE_BEAM_ARGS"
_UNFINISHED = "ARCFACE_PIPELINE_UNFINISHED"

# What Beam runs on where nobody says it: the step's own process, in one thread. With more, Beam
# hands an error on as text: what somebody can mend would be no message of its own any more.
# Beam's DirectRunner would first try to download another runner; this is the one it falls back to.
# A non-empty image keeps TFX from building a package of itself for workers that there are not.
IN_PROCESS_BEAM = (
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",
)


@dataclass(frozen=True)
class TrackingStore:
    """Where MLflow keeps the run.

    Attributes:
      uri: of the tracking store, without credentials.
      experiment: its name.
      artifact_dir: where a new experiment keeps its artifacts; None: MLflow's default.
      owner: the identity of the metadata store that knows the run; None: there is none to ask.
      registered_model: what a model that was pushed is registered under; None: it is not.
      log_checkpoints: keeps the training's checkpoints, too.
      unsent_dir: where what the store does not take is kept; None: in the step's artifact.
      configuration: of the whole pipeline, as JSON has it, without credentials; None: not known.
    """

    uri: str
    experiment: str
    artifact_dir: str | None = None
    owner: str | None = None
    registered_model: str | None = None
    log_checkpoints: bool = False
    unsent_dir: str | None = None
    configuration: dict[str, Any] | None = None


@contextmanager
def in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables of this process, and puts the former ones back."""
    former = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def store_variables(store: TrackingStore | None) -> dict[str, str]:
    """The environment of a step that tracks; None: it does not."""
    return {_STORE: json.dumps(asdict(store), sort_keys=True)} if store else {}


def beam_variables(args: Sequence[str]) -> dict[str, str]:
    """The environment of a step on Beam, with options in place of those in its specification."""
    return {_BEAM: json.dumps(list(args))} if args else {}


def unfinished_variables(folder: Path) -> dict[str, str]:
    """The environment of a step that keeps the state of what it has not finished in a folder."""
    return {_UNFINISHED: str(folder)}


def tracking_store() -> TrackingStore | None:
    """Where the training of this run is tracked; None: nowhere."""
    text = os.environ.get(_STORE)
    return TrackingStore(**json.loads(text)) if text else None


def beam_args() -> list[str]:
    """Options of Beam for this run; empty: those of the specification."""
    text = os.environ.get(_BEAM)
    return json.loads(text) if text else []


def unfinished_place() -> str | None:
    """Where a step keeps the state of what it has not finished; None: nowhere."""
    return os.environ.get(_UNFINISHED)

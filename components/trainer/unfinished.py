"""Where a training that was killed finds itself again.

TFX gives every attempt an output folder of its own. So the state lies in a folder whose name
follows from all that decides what the training gives: a run of other images, settings or code has
another one, and the same command finds the same.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from components.file_digest import file_digest
from components.run_environment import unfinished_place
from components.source_digest import source_digest
from components.tracking.run import TrackedRun
from components.trainer.config import TrainerSettings

# They say where things go, not what comes of the training.
_PLACES = {"training": {"checkpoint_dir", "log_dir"}}


@dataclass(frozen=True)
class Note:
    """What a training that goes on has to know before its checkpoint is read.

    Attributes:
      settings: with what was chosen for it: the time of a step is never the same twice.
      run: where it is tracked.
    """

    settings: TrainerSettings
    run: TrackedRun

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        return json.dumps({"settings": self.settings.model_dump_json(), "run": self.run.to_json()})

    @classmethod
    def from_json(cls, text: str) -> "Note":
        """Reads what `to_json` wrote."""
        values = json.loads(text)
        settings = TrainerSettings.model_validate_json(values["settings"])
        return cls(settings, TrackedRun.from_json(values["run"]))


def unfinished_folder(settings: TrainerSettings, files: Sequence[str]) -> str | None:
    """The folder of this very training: a path or a URL.

    Args:
      settings: of the training; `training.checkpoint_dir` comes before the environment's folder.
      files: all files of examples that the training reads.

    Returns:
      None where neither the settings nor the environment has a place that outlives the attempt.
    """
    place = settings.training.checkpoint_dir or unfinished_place()
    return f"{place}/training-{training_id(settings, files)}" if place else None


def training_id(settings: TrainerSettings, files: Sequence[str]) -> str:
    """A digest of settings, code and the content of all files, as 16 hexadecimal digits."""
    digest = hashlib.sha256(settings.model_dump_json(exclude=_PLACES).encode())
    digest.update(source_digest("components.trainer.run_fn").encode())
    weights = settings.model.weights
    for path in [*files, *([weights] if weights else [])]:
        digest.update(file_digest(path).encode())
    return digest.hexdigest()[:16]

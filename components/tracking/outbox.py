"""What a store has not taken, kept in a folder until `upload` brings it there.

A folder holds `ITEMS_FILE`, a JSON object a line: first the run, then each thing that is missing;
beside it lie the files of which a line has only the name. Lines are added as things happen, so that
a killed training loses none of them. No credentials are in it: the store's address has none.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.tracking.client import Point, Start
from components.tracking.run import TrackedRun
from groundfloor.errors import UserError

_log = logging.getLogger(__name__)

# The folder that holds one folder for each run and step.
OUTBOX = "mlflow_unsent"
ITEMS_FILE = "items.jsonl"

# Who may leave one.
TRAINING = "training"
EVALUATION = "evaluation"
PUSH = "push"

# Kinds of lines.
RUN = "run"
PARAMS = "params"
POINTS = "points"
TEXT = "text"
FILE = "file"
MODEL = "model"
STATUS = "status"
REGISTER = "register"


@dataclass(frozen=True)
class Item:
    """One thing that is missing.

    Attributes:
      kind: one of the kinds above, but `RUN`.
      content: what its kind needs, as JSON has it.
    """

    kind: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """What is in the folder of an outbox.

    Attributes:
      folder: it.
      step: that left it.
      run: that it is missing from.
      start: what the run begins with, should the store not have it.
      items: in their order.
    """

    folder: Path
    step: str
    run: TrackedRun
    start: Start
    items: list[Item]

    def points(self) -> list[Point]:
        """All that are missing, of whatever metric."""
        batches = [item.content["points"] for item in self.items if item.kind == POINTS]
        return [Point(*point) for batch in batches for point in batch]


class Outbox:
    """Keeps what is missing from one run; makes its folder when there is something to keep.

    Args:
      place: where the outboxes of a pipeline's run are, or the artifact of a step.
      run: that something may be missing from.
      step: that logs it.
    """

    def __init__(self, place: Path, run: TrackedRun, step: str):
        self.folder = place / OUTBOX / f"{run.key}-{step}"
        self._step = step

    def open(self, run: TrackedRun, start: Start) -> None:
        """Names the run; before anything is added."""
        if not (self.folder / ITEMS_FILE).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.add(RUN, step=self._step, run=asdict(run), start=asdict(start))

    def add(self, kind: str, **content: Any) -> None:
        """Adds a thing, on the disk when this returns."""
        with (self.folder / ITEMS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "content": content}) + "\n")

    def copy(self, path: Path) -> str:
        """Keeps a copy of a file; returns its name in the folder."""
        shutil.copyfile(path, self.folder / path.name)
        return path.name

    def save(self, model: Any, name: str = "model.keras") -> str:
        """Keeps a Keras model; returns its name in the folder."""
        model.save(self.folder / name)
        return name


def outboxes_below(folder: Path) -> list[Kept]:
    """What is kept anywhere below a folder: trainings first, which begin what others go on with.

    Raises:
      UserError: a file of it cannot be read.
    """
    found = [_read(path) for path in sorted(folder.rglob(f"{OUTBOX}/*/{ITEMS_FILE}"))]
    return sorted(found, key=lambda kept: (kept.step != TRAINING, kept.start.time))


def _read(path: Path) -> Kept:
    """Reads an outbox; the half of a line at which its writer was killed is left out, and said."""
    *lines, half = path.read_text(encoding="utf-8").split("\n")
    if half:
        _log.warning("%s ends in the middle of a line, which is left out", path)
    try:
        first, *items = [Item(**json.loads(line)) for line in lines]
        return Kept(
            folder=path.parent,
            step=first.content["step"],
            run=TrackedRun.from_json(json.dumps(first.content["run"])),
            start=Start(**first.content["start"]),
            items=items,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not what a training has left: {error}") from None

"""The folder of a run's artifacts: whose store it belongs to, and what that store does not know."""

import json
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from groundfloor.errors import UserError

# The nodes of the pipeline: their folders in the root are the ones that are looked at.
NODES = (
    "ImageExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "StatisticsBefore",
    "ExampleValidator",
    "ImageTransform",
    "Trainer",
    "LatestBlessedModel",
    "FaceEvaluator",
    "Pusher",
)

OWNER_FILE = ".owner.json"


@dataclass(frozen=True)
class Owner:
    """Whose artifacts a folder holds.

    Attributes:
      store: the identity of the metadata store that knows them.
      run: the output folder in which that store lies.
    """

    store: str
    run: str


def claim(root: Path, owner: Owner, metadata_names: Collection[str]) -> None:
    """Marks a folder of artifacts as one store's; nobody else may use it while that store is there.

    Args:
      root: the folder.
      owner: who wants it.
      metadata_names: of the files by which an output folder shows that it has a store.

    Raises:
      UserError: it belongs to another run.
    """
    former = _read_owner(root / OWNER_FILE)
    is_elsewhere = not root.is_relative_to(owner.run)
    # A run folder that was moved or removed does not use its artifacts any more.
    if (
        former
        and former.run != owner.run
        and is_elsewhere
        and any(os.path.lexists(Path(former.run) / name) for name in metadata_names)
    ):
        raise UserError(
            f"{root} holds the artifacts of {former.run}, whose metadata store alone knows "
            "them; name another data.processed_dir, or that output folder"
        )
    if former != owner:
        _write_owner(root / OWNER_FILE, owner)


def set_aside(root: Path, last_execution: int) -> Path | None:
    """Moves away what executions left here that the metadata store has not had yet.

    A store that is new, or is an older copy put back, will give those numbers again: an execution
    would find the files of another in its folder.

    Args:
      root: the folder of artifacts.
      last_execution: the highest number that the store has given.

    Returns:
      Where it all went, with the same names below; None where there was nothing.
    """
    unknown = [path for path in _executions(root) if int(path.name) > last_execution]
    if not unknown:
        return None
    aside = _new_folder(root / f"set-aside-{time.strftime('%Y%m%d-%H%M%S')}")
    for path in unknown:
        target = aside / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return aside


def outputs_of(root: Path, execution: int) -> list[Path]:
    """The folders that an execution wrote into, or was about to."""
    return [path for path in _executions(root) if int(path.name) == execution]


def _executions(root: Path) -> Iterator[Path]:
    """`<node>/<output>/<execution>` and TFX's `<node>/.system/executor_execution/<execution>`."""
    for node in NODES:
        for folder in (*_folders_in(root / node), root / node / ".system" / "executor_execution"):
            yield from (path for path in _folders_in(folder) if path.name.isdecimal())


def _folders_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _new_folder(wanted: Path) -> Path:
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    folder.mkdir()
    return folder


def _read_owner(path: Path) -> Owner | None:
    """The owner that a marker names; None where there is none, or it is torn."""
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _write_owner(path: Path, owner: Owner) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(asdict(owner), indent=2) + "\n", encoding="utf-8")
    os.replace(new, path)

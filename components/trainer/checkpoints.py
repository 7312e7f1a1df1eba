"""The state of an unfinished training on disk: whole or not there, and never another training's.

A checkpoint is a folder of two files: the arrays, one `.npy` record behind the other, and a JSON
file with their names, their digest and what is no array. The JSON file is written last: where it is
missing, or the digest is another, the checkpoint was cut off, and the one before it counts. So it
holds on a disk as on an object store, where no folder can be renamed.
"""

import hashlib
import json
import logging
import posixpath
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import fsspec
import numpy as np
from fsspec.spec import AbstractFileSystem

from groundfloor.errors import UserError

_log = logging.getLogger(__name__)

_ARRAYS = "arrays.npy"
_STATE = "state.json"
_OWNER = "owner.json"
_NOTE = "note.json"
_KEPT = 2


class CheckpointError(UserError):
    """The state of a training cannot be kept; the message says where, and what is left."""


@dataclass(frozen=True)
class Checkpoint:
    """A training after some step.

    Attributes:
      step: how many steps were done.
      arrays: name -> array.
      progress: whatever else there is to remember, as JSON knows it.
    """

    step: int
    arrays: Mapping[str, np.ndarray]
    progress: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one training, of which the last two are kept.

    They are written in a thread of their own, so that the next steps need not wait; at most one is
    on its way. A training that another process has taken up is not written any more.

    Args:
      folder: of this training alone: a path, or a URL of a store that fsspec reaches.
    """

    def __init__(self, folder: str):
        self._folder = folder
        self._files, self._path = fsspec.url_to_fs(
            folder, use_listings_cache=False, skip_instance_cache=True
        )
        self._owner = uuid.uuid4().hex
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def claim(self) -> None:
        """Makes the training this process's own; who had it before is stopped at its next save.

        Raises:
          CheckpointError: the folder cannot be written to.
        """
        self._do("use", self._write_owner)

    def note(self, text: str) -> None:
        """Keeps a text beside the checkpoints, for who goes on with them.

        Raises:
          CheckpointError: it cannot be written.
        """
        self._do("write", lambda: self._write_file(_NOTE, text))

    def noted(self) -> str | None:
        """The text that `note` kept; None: none."""
        path = posixpath.join(self._path, _NOTE)
        return self._files.cat_file(path).decode() if self._files.exists(path) else None

    def newest(self) -> Checkpoint | None:
        """The last checkpoint that is whole; None: there is none.

        One that is not is told in the log and passed over.
        """
        for name in reversed(self._names()):
            folder = posixpath.join(self._path, name)
            try:
                return _read(self._files, folder)
            except (OSError, ValueError, KeyError) as error:
                _log.warning("%s is not whole and passed over: %s", folder, error)
        return None

    def of_step(self, step: int) -> Checkpoint:
        """The checkpoint after a step, which another worker of the same training has found.

        Raises:
          CheckpointError: it is not here, or not whole.
        """
        try:
            return _read(self._files, self._folder_of(step))
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"the chief goes on from step {step}, and this worker cannot read that checkpoint "
                f"in {self._folder}: training.checkpoint_dir must be a place that all workers share"
            ) from error

    def save(self, checkpoint: Checkpoint) -> None:
        """Begins to write a checkpoint, once the former is written.

        Args:
          checkpoint: its arrays must not be changed afterwards.

        Raises:
          CheckpointError: the former could not be written, or another process has the training.
        """
        self.wait()
        self._writing = self._writer.submit(self._do, "write", lambda: self._save(checkpoint))

    def wait(self) -> None:
        """Waits until what was saved is written.

        Raises:
          CheckpointError: it could not be.
        """
        if self._writing:
            writing, self._writing = self._writing, None
            writing.result()

    def remove(self) -> None:
        """Removes them all: the training is complete, whether or not its last state was kept.

        Those that another process has taken up are left to it.
        """
        try:
            self.wait()
        except CheckpointError as error:
            _log.warning("%s. The training is complete without it", error)
        if self._owner_on_disk() in (self._owner, None) and self._files.exists(self._path):
            self._files.rm(self._path, recursive=True)

    def _save(self, checkpoint: Checkpoint) -> None:
        self._check_owner()
        _write(self._files, self._folder_of(checkpoint.step), checkpoint)
        for name in self._names()[:-_KEPT]:
            self._files.rm(posixpath.join(self._path, name), recursive=True)

    def _folder_of(self, step: int) -> str:
        return posixpath.join(self._path, f"step-{step:012d}")

    def _write_owner(self) -> None:
        self._write_file(_OWNER, json.dumps({"owner": self._owner}))

    def _write_file(self, name: str, text: str) -> None:
        self._files.makedirs(self._path, exist_ok=True)
        _write_text(self._files, posixpath.join(self._path, name), text)

    def _check_owner(self) -> None:
        if self._owner_on_disk() != self._owner:
            raise CheckpointError(
                f"another process has taken up the training in {self._folder}; this one ends"
            )

    def _owner_on_disk(self) -> str | None:
        path = posixpath.join(self._path, _OWNER)
        return json.loads(self._files.cat_file(path))["owner"] if self._files.exists(path) else None

    def _do(self, verb: str, action: Callable[[], None]) -> None:
        try:
            action()
        except CheckpointError:
            raise
        except Exception as error:  # of this machine, or whatever the library of a store raises
            raise CheckpointError(
                f"cannot {verb} the state of the training in {self._folder}: {error}. The same "
                "command goes on from the last state that was written"
            ) from error

    def _names(self) -> list[str]:
        if not self._files.isdir(self._path):
            return []
        found = self._files.ls(self._path, detail=False)
        names = (posixpath.basename(path.rstrip("/")) for path in found)
        return sorted(name for name in names if name.startswith("step-"))


class _Hashing:
    """A file to read or write whose bytes are hashed on their way."""

    def __init__(self, file: Any):
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._file.write(bytes(data))
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _write(files: AbstractFileSystem, folder: str, checkpoint: Checkpoint) -> None:
    if files.exists(folder):  # one that was cut off
        files.rm(folder, recursive=True)
    files.makedirs(folder)
    with files.open(posixpath.join(folder, _ARRAYS), "wb") as file:
        hashing = _Hashing(file)
        for array in checkpoint.arrays.values():
            np.lib.format.write_array(hashing, np.asarray(array), allow_pickle=False)
    state = {
        "step": checkpoint.step,
        "arrays": list(checkpoint.arrays),
        "sha256": hashing.hexdigest(),
        "progress": checkpoint.progress,
    }
    _write_text(files, posixpath.join(folder, _STATE), json.dumps(state))


def _read(files: AbstractFileSystem, folder: str) -> Checkpoint:
    state = json.loads(files.cat_file(posixpath.join(folder, _STATE)))
    with files.open(posixpath.join(folder, _ARRAYS), "rb") as file:
        hashing = _Hashing(file)
        arrays = {
            name: np.lib.format.read_array(hashing, allow_pickle=False) for name in state["arrays"]
        }
        rest = hashing.read(1)
    if rest or hashing.hexdigest() != state["sha256"]:
        raise ValueError(f"{_ARRAYS} is not what was written")
    return Checkpoint(state["step"], arrays, state["progress"])


def _write_text(files: AbstractFileSystem, path: str, text: str) -> None:
    """Writes a file that has its name only when it is whole."""
    unfinished = f"{path}.{uuid.uuid4().hex}"
    files.pipe_file(unfinished, text.encode())
    files.mv(unfinished, path)

"""The folder of pushed models: how a version gets there whole, and which one is the newest.

Each version is a SavedModel in a folder that is a number, as TensorFlow Serving reads them, with
its threshold pack below `assets.extra`. TensorFlow and TFX are not needed for any of it.
"""

import contextlib
import errno
import fcntl
import os
import posixpath
import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from biometrics.thresholds.pack import (
    COMPANIONS,
    EXPORTS,
    THRESHOLDS_FILE,
    ThresholdPack,
    digest_of_folder,
)
from groundfloor.errors import UserError

SAVED_MODEL_FILE = "saved_model.pb"

_VERSION = re.compile(r"[0-9]{1,18}")
# A push that is under way, or was killed. No number: TensorFlow Serving passes it over.
_PART_PREFIX = ".pushing-"
_PART = re.compile(re.escape(_PART_PREFIX) + r"[0-9]+")


class Files(Protocol):
    """A file system; `tfx.dsl.io.fileio` is one, for every kind that TensorFlow can open."""

    def exists(self, path: str, /) -> bool:
        """Whether there is a file or a folder."""

    def isdir(self, path: str, /) -> bool:
        """Whether there is a folder."""

    def listdir(self, path: str, /) -> list[str]:
        """The names in a folder; those of folders may end with a slash."""

    def walk(self, path: str, /) -> Iterator[tuple[str, list[str], list[str]]]:
        """Of each folder below: its path, the names of its folders, and of its files."""

    def open(self, path: str, mode: str, /) -> IO[Any]:
        """Opens a file."""

    def makedirs(self, path: str, /) -> None:
        """Makes a folder and those above it, where they are missing."""

    def copy(self, source: str, target: str, /) -> object:
        """Copies a file."""


class LocalFiles:
    """The files of this machine."""

    exists = staticmethod(os.path.exists)
    isdir = staticmethod(os.path.isdir)
    listdir = staticmethod(os.listdir)
    walk = staticmethod(os.walk)
    copy = staticmethod(shutil.copyfile)

    @staticmethod
    def open(path: str, mode: str) -> IO[Any]:
        """Opens a regular file: a pipe would block for ever, a device never end."""
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return open(path, mode)

    @staticmethod
    def makedirs(path: str) -> None:
        """Makes a folder and those above it, where they are missing."""
        os.makedirs(path, exist_ok=True)


LOCAL = LocalFiles()


class UnusableModelError(UserError):
    """A pushed version is not whole, or not what its pack vouches for; the message says why."""


@dataclass(frozen=True)
class PushedVersion:
    """A complete version.

    Attributes:
      path: of its SavedModel.
      pack: its thresholds, which vouch for every other file.
    """

    path: str
    pack: ThresholdPack


@dataclass(frozen=True)
class Newest:
    """What `newest_complete` finds.

    Attributes:
      version: the complete version of the highest number; None where there is none.
      skipped: newer versions -> why they are no complete ones, the newest first.
    """

    version: PushedVersion | None
    skipped: dict[str, str] = field(default_factory=dict)


def newest_complete(folder: str, files: Files = LOCAL) -> Newest:
    """Finds the version that is to be used: the newest of those that are whole.

    A push that was killed, a copy that was cut, and a version whose files were changed are passed
    over, and named.

    Args:
      folder: with a folder a version; it may be missing.
      files: what reads it.
    """
    skipped: dict[str, str] = {}
    for path in versions(folder, files):
        try:
            return Newest(PushedVersion(path, load_pack(path, files)), skipped)
        except UnusableModelError as error:
            skipped[path] = str(error)
    return Newest(None, skipped)


def versions(folder: str, files: Files = LOCAL) -> list[str]:
    """The folders of versions, complete or not, the highest number first."""
    if not files.isdir(folder):
        return []
    # On an object store, folders are listed with a slash at the end.
    names = (name.rstrip("/") for name in files.listdir(folder))
    numbers = sorted((name for name in names if _VERSION.fullmatch(name)), key=int, reverse=True)
    return [os.path.join(folder, name) for name in numbers]


def load_pack(version: str | os.PathLike, files: Files = LOCAL) -> ThresholdPack:
    """Reads the thresholds of a version, and holds every file of it against them.

    Raises:
      UnusableModelError: the model or the thresholds are missing or cannot be read, the thresholds
        are another model's, or files of the model, or of an export, are missing or others.
    """
    version = os.fspath(version)
    path = os.path.join(version, COMPANIONS, THRESHOLDS_FILE)
    if not files.exists(os.path.join(version, SAVED_MODEL_FILE)):
        raise UnusableModelError(f"{version} has no {SAVED_MODEL_FILE}: it is not whole")
    try:
        with files.open(path, "rb") as file:
            pack = ThresholdPack.from_json(file.read())
        digest = digest_of_folder(contents_of(version, files))
        exports = {name: digest_of_export(version, name, files) for name in pack.exports}
    except UserError as error:
        raise UnusableModelError(f"cannot read the model's thresholds {path}: {error}") from None
    except Exception as error:  # each file system has errors of its own
        reason = getattr(error, "strerror", None) or str(error) or "No such file or directory"
        raise UnusableModelError(f"cannot read the model's thresholds {path}: {reason}") from None
    if pack.model_sha256 != digest:
        raise UnusableModelError(
            f"{path} holds the thresholds of another model than {version}, or files of it are "
            "missing or were changed"
        )
    for name in pack.exports:
        if exports[name] != pack.exports[name].sha256:
            raise UnusableModelError(
                f"{os.path.join(version, EXPORTS, name)} is not what {path} vouches for: files of "
                "the export are missing or were changed"
            )
    return pack


def digest_of_export(model: str, name: str, files: Files = LOCAL) -> str:
    """`digest_of_folder` of an export in the folder of a SavedModel."""
    return digest_of_folder(contents_of(os.path.join(model, EXPORTS, name), files))


def contents_of(folder: str, files: Files = LOCAL) -> Iterator[tuple[str, bytes]]:
    """The files below a folder, one at a time: relative path with `/`, and content."""
    for path, _, names in files.walk(folder):
        for name in names:
            file_path = os.path.join(path, name)
            with files.open(file_path, "rb") as file:
                yield posixpath.relpath(file_path, folder), file.read()


def push_version(
    folder: str, model: str, pack: str, files: Files = LOCAL, exports: Collection[str] = ()
) -> str:
    """Adds a version: a model, its thresholds and its exports, as one.

    On a file system the two are copied into a hidden folder beside the versions, which then gets
    its number: nobody ever sees half of a version, and what a killed push has left is removed by
    the next. An object store cannot rename; there `saved_model.pb`, without which no version is
    complete, is copied last.

    Args:
      folder: the versions' folder; it may be missing.
      model: the folder of a SavedModel.
      pack: the file of its threshold pack.
      files: what reads and writes them.
      exports: the names of the model's exports that go with it; any others stay behind.

    Returns:
      The version's folder. Its number is the time in seconds, or one more than the highest there.
    """
    files.makedirs(folder)
    if "://" in folder:
        version = os.path.join(folder, _next_version(folder, files))
        copy_version(version, model, pack, files, exports)
        return version
    _clear_parts(folder)
    with _part(folder) as part:
        copy_version(part, model, pack, files, exports)
        return _number(part, folder, files)


def _number(part: str, folder: str, files: Files) -> str:
    """Makes a version of a hidden folder; another push may take the number at the same time."""
    while True:
        version = os.path.join(folder, _next_version(folder, files))
        try:
            os.rename(part, version)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return version


def _next_version(folder: str, files: Files) -> str:
    """A clock that was set back must not make a new model the older one."""
    newest = next(iter(versions(folder, files)), "0")
    return str(max(int(time.time()), int(os.path.basename(newest)) + 1))


def copy_version(
    target: str, model: str, pack: str, files: Files = LOCAL, exports: Collection[str] = ()
) -> None:
    """Copies what `push_version` adds: thresholds first, saved_model.pb last."""
    _copy(pack, os.path.join(target, COMPANIONS, THRESHOLDS_FILE), files)
    for path, _, names in files.walk(model):
        for name in names:
            key = posixpath.relpath(os.path.join(path, name), model)
            if key != SAVED_MODEL_FILE and _goes_along(key, exports):
                _copy(os.path.join(path, name), os.path.join(target, key), files)
    _copy(os.path.join(model, SAVED_MODEL_FILE), os.path.join(target, SAVED_MODEL_FILE), files)


def _goes_along(key: str, exports: Collection[str]) -> bool:
    """Whether a file of a model is pushed: all are, but those of exports that are not named."""
    if not key.startswith(f"{EXPORTS}/"):
        return True
    return any(key.startswith(f"{EXPORTS}/{name}/") for name in exports)


def _copy(source: str, target: str, files: Files) -> None:
    files.makedirs(os.path.dirname(target))
    files.copy(source, target)


@contextlib.contextmanager
def _part(folder: str) -> Iterator[str]:
    """A hidden folder that is locked as long as this process lives; an error removes it."""
    part = os.path.join(folder, f"{_PART_PREFIX}{time.time_ns()}")
    os.mkdir(part)
    descriptor = os.open(part, os.O_RDONLY)
    try:
        # Some network file systems have no locks: what a kill leaves there has to stay.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)


def _clear_parts(folder: str) -> None:
    """Removes what killed pushes have left; one that is under way still holds its lock."""
    for name in os.listdir(folder):
        if _PART.fullmatch(name):
            part = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if _is_abandoned(part):
                    shutil.rmtree(part)


def _is_abandoned(part: str) -> bool:
    descriptor = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True

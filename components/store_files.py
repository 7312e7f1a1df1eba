"""Object stores of S3's kind for TFX, whose TensorFlow opens none of them.

TFX's `fileio` asks a file system for each scheme. Importing this module gives it one for `s3://`,
by the library that the images in buckets are read with: the endpoint, the keys and the like come
from the environment, as `faces.remote` says. What must be a file for TensorFlow, such as a model
that it is to load, is copied here before.

An object is there when all of it has arrived, never before: it is sent whole, or in parts that the
store puts together at the end. What is to be there as one, of several objects, has its own sign:
a pushed version its pack (`serving.model_dir`), a checkpoint its `state.json`.
"""

import io
import os
import posixpath
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar

import fsspec
from tfx.dsl.io import fileio, filesystem, filesystem_registry

__all__ = ["StoreFiles", "fileio", "on_this_machine"]

_SCHEMES = ("s3://",)
# Lower is preferred; TensorFlow's own, which only says that it knows no such scheme, has 10.
_PRIORITY = 1


class StoreFiles(filesystem.Filesystem):
    """A file system for TFX; folders are there as long as something is in them."""

    SUPPORTED_SCHEMES: ClassVar[list[str]] = list(_SCHEMES)

    @staticmethod
    def open(name: str, mode: str = "r") -> Any:
        """Opens an object; what is written is there once it is closed without an error."""
        if "w" in mode:
            return _whole_or_nothing(name, mode)
        return _files().open(name, mode)

    @staticmethod
    def copy(src: str, dst: str, overwrite: bool = False) -> None:
        """Copies an object within the stores."""
        _keep(dst, overwrite)
        _files().copy(src, dst)

    @staticmethod
    def exists(path: str) -> bool:
        """Whether there is such an object, or something below it."""
        return _files().exists(path)

    @staticmethod
    def glob(pattern: str) -> list[str]:
        """The objects and folders that match a pattern."""
        return [_files().unstrip_protocol(path) for path in _files().glob(pattern)]

    @staticmethod
    def isdir(path: str) -> bool:
        """Whether something is below it."""
        return _files().isdir(path)

    @staticmethod
    def listdir(path: str) -> list[str]:
        """The names in a folder."""
        try:
            found = _files().ls(path, detail=False)
        except FileNotFoundError as error:
            raise filesystem.NotFoundError(str(error)) from None
        return sorted(posixpath.basename(item.rstrip("/")) for item in found)

    @staticmethod
    def makedirs(path: str) -> None:
        """Nothing: a folder comes with what is in it."""

    @staticmethod
    def mkdir(path: str) -> None:
        """See `makedirs`."""

    @staticmethod
    def remove(path: str) -> None:
        """Removes an object."""
        StoreFiles.stat(path)  # a store removes what is not there, and says nothing
        _files().rm_file(path)

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        """Copies an object and removes the first; a store knows no other way."""
        _keep(dst, overwrite)
        _found(src, lambda: _files().mv(src, dst))

    @staticmethod
    def rmtree(path: str) -> None:
        """Removes all that is below."""
        _found(path, lambda: _files().rm(path, recursive=True))

    @staticmethod
    def stat(path: str) -> Any:
        """What the store says of an object."""
        return _found(path, lambda: _files().info(path))

    @staticmethod
    def walk(
        top: str, topdown: bool = True, onerror: Callable[..., None] | None = None
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Of each folder below: its URL, the names of its folders, and of its files."""
        del onerror
        for folder, folders, names in _files().walk(top, topdown=topdown):
            yield _files().unstrip_protocol(folder), list(folders), list(names)


filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY.register(StoreFiles, priority=_PRIORITY)


@contextmanager
def on_this_machine(folder: str) -> Iterator[str]:
    """A folder that TensorFlow can open: itself, or for a while a copy of what a store has.

    Args:
      folder: a path, or a URL.
    """
    if not folder.startswith(_SCHEMES):
        yield folder
        return
    with tempfile.TemporaryDirectory() as here:
        for path, _, names in fileio.walk(folder):
            target = os.path.join(here, posixpath.relpath(path, folder))
            os.makedirs(target, exist_ok=True)
            for name in names:
                fileio.copy(f"{path}/{name}", os.path.join(target, name))
        yield here


def _files() -> Any:
    return _files_of(os.getpid())  # a child process must not use its parent's connections


@lru_cache(maxsize=4)
def _files_of(_: int) -> Any:
    return fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)


@contextmanager
def _whole_or_nothing(name: str, mode: str) -> Iterator[Any]:
    """A file whose upload is given up where an error is raised: fsspec's own would complete it."""
    upload = _files().open(name, "wb", autocommit=False)
    try:
        if "b" in mode:
            yield upload
        else:
            with io.TextIOWrapper(upload, encoding="utf-8") as text:
                yield text
    except BaseException:
        upload.discard()
        upload.closed = True  # else it would be sent when it is collected
        raise
    upload.close()
    upload.commit()


def _keep(path: str, overwrite: bool) -> None:
    if not overwrite and _files().exists(path):
        raise OSError(f"{path} is there already")


def _found(path: str, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except FileNotFoundError:
        raise filesystem.NotFoundError(path) from None

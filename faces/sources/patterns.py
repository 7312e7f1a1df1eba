"""Patterns of files, such as `train-*.tfrecord`, on this machine and on a store.

They mean the same there: `*`, `?` and `[ab]` stand for what a part of a name has, and `**` for
folders at any depth. None stands for a name with a dot before it, unless it has the dot itself.
"""

import glob
import os
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import dropwhile
from pathlib import Path
from typing import overload

from groundfloor.errors import UserError
from groundfloor.paths import Location, Url

# Far above any number of files that one set of images is in.
_MAX_OBJECTS = 20_000_000
_MAGIC = re.compile(r"[*?[]")
_ANY_DEPTH = "**"
# Parts of a name that are another place in a path, or none.
_NO_NAMES = ("", ".", "..")


def files_at(location: Location) -> list[Location]:
    """The file, or all files that a pattern means, sorted; a file may be called like a pattern.

    Raises:
      UserError: on a store, there are too many objects to look through.
      StoreError: see `remote.list_objects`.
    """
    if not glob.has_magic(str(location)):
        return [location]
    if isinstance(location, Url):
        folder, parts = fixed_part(location, glob.has_magic)
        return [folder / name for name in _objects_at(folder, parts)]
    if os.path.lexists(location):
        return [location]
    return [Path(path) for path in sorted(glob.glob(str(location), recursive=True))]


def names_of(files: Sequence[Location], location: Location) -> list[str]:
    """What files are called: their path below the part of `location` that has no pattern in it."""
    if files == [location]:
        return [location.name]
    folder, _ = fixed_part(location, glob.has_magic)
    return ["/".join(file.parts[len(folder.parts) :]) for file in files]


@overload
def fixed_part(location: Url, is_open: Callable[[str], object]) -> tuple[Url, tuple[str, ...]]: ...


@overload
def fixed_part(
    location: Location, is_open: Callable[[str], object]
) -> tuple[Location, tuple[str, ...]]: ...


def fixed_part(
    location: Location, is_open: Callable[[str], object]
) -> tuple[Location, tuple[str, ...]]:
    """The folder before the first part of a place that may stand for several, and the others.

    Raises:
      UserError: that part is a bucket, and those are not looked for.
    """
    parts = location.parts
    first = next((place for place, part in enumerate(parts) if is_open(part)), len(parts))
    if not isinstance(location, Url):
        return Path(*parts[:first]), parts[first:]
    if not first:
        raise UserError(f"a bucket must be named, not looked for. Received: {str(location)!r}")
    return Url(location.scheme, "/".join(parts[:first])), parts[first:]


def is_there(folder: Location, parts: Sequence[str]) -> bool:
    """Whether a folder has what the parts name, or a file that they mean as a pattern.

    Raises:
      UserError: see `files_at`.
      StoreError: see `files_at`.
    """
    if not isinstance(folder, Url):
        path = os.path.join(*parts)
        return os.path.lexists(folder / path) or any(
            glob.iglob(path, root_dir=folder, recursive=True)
        )
    above = [*dropwhile(lambda part: not glob.has_magic(part), parts)] or parts[-1:]
    folder /= "/".join(parts[: len(parts) - len(above)])
    if len(above) == 1 and not glob.has_magic(above[0]):
        return above[0] in names_in(folder, above[0])
    return bool(_objects_at(folder, above))


def names_in(folder: Location, begins: str = "") -> list[str]:
    """What is directly in a folder, sorted; nothing where it is none, or not to be looked into.

    Args:
      folder: here or on a store.
      begins: what the names begin with, which a store looks for itself.

    Raises:
      UserError: see `files_at`.
      StoreError: see `files_at`.
    """
    if isinstance(folder, Url):
        return sorted({name.removesuffix("/") for name in _listed_in(folder, begins)} - {""})
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(begins))
    except OSError:
        return []


def is_meant(name: str, part: str) -> bool:
    """Whether a part of a pattern means a name, as `glob` has it."""
    hidden = name.startswith(".") and not part.startswith(".")
    return name not in _NO_NAMES and not hidden and fnmatchcase(name, part)


def _objects_at(folder: Url, parts: Sequence[str]) -> list[str]:
    """The names of the objects below a folder that the parts mean, sorted, by one listing.

    Where the pattern is in the last part alone, what is in folders there is not listed.
    """
    deep = len(parts) > 1 or parts[0] == _ANY_DEPTH
    names = (_listed_below if deep else _listed_in)(folder, _beginning_of(parts[0]))
    if "/".join(parts) in names:
        return ["/".join(parts)]
    return sorted(name for name in names if _are_meant(name.split("/"), parts))


def _are_meant(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the parts of a pattern mean a path."""
    if not parts or not names:
        return not parts and not names
    if parts[0] != _ANY_DEPTH:
        return is_meant(names[0], parts[0]) and _are_meant(names[1:], parts[1:])
    is_deeper = is_meant(names[0], "*") and _are_meant(names[1:], parts)
    return is_deeper or _are_meant(names, parts[1:] or ["*"])


def _beginning_of(part: str) -> str:
    """What a part of a pattern begins with, as it stands there."""
    return _MAGIC.split(part, maxsplit=1)[0]


def _listed_in(folder: Url, begins: str) -> list[str]:
    # A third of a second: not for those who read files of this machine.
    from faces import remote  # noqa: PLC0415

    return _checked(folder, remote.list_folder(folder, _MAX_OBJECTS, begins))


def _listed_below(folder: Url, begins: str) -> list[str]:
    from faces import remote  # noqa: PLC0415 - as above

    return _checked(folder, remote.list_objects(folder, _MAX_OBJECTS, begins))


def _checked(folder: Url, names: list[str]) -> list[str]:
    if len(names) > _MAX_OBJECTS:
        raise UserError(
            f"{str(folder)!r} holds more than {_MAX_OBJECTS} objects: name a folder that has less"
        )
    return names

"""What a failed run says, in whichever library it failed."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from groundfloor.errors import UserError
from pipeline import metadata_store

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)

# As the C library, SQLite and those who pass their words on in an error of their own say it.
_DISK_FULL_WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",
    "errno 28",
)


class RunFailedError(Exception):
    """A run failed for another reason than what the user gave; the message names the log."""


def user_error(error: BaseException, places: list[Path]) -> UserError | None:
    """The error that the user can mend, in what may be an error of a library around it.

    Args:
      error: with all that it was raised from.
      places: folders that the run writes to.

    Returns:
      None where the failure is not known to be the user's.
    """
    chain = list(_chain(error))
    if any(map(_is_disk_full, chain)):
        return UserError(_disk_full(places))
    known = next((link for link in chain if isinstance(link, UserError)), None)
    if known:
        return known
    if any(metadata_store.is_locked(str(link)) for link in chain):
        return UserError(
            "another program holds metadata.db or mlflow.db of this run; close it and run again"
        )
    return None


def _disk_full(places: list[Path]) -> str:
    """The message for a full disk, with what is free now at each of the places."""
    free = ", ".join(
        f"{place} {shutil.disk_usage(place).free / 2**20:.0f} MB"
        for place in dict.fromkeys([*places, Path(tempfile.gettempdir())])
        if place.is_dir()
    )
    return (
        f"the disk is full. Free some of it and run again: what is finished is kept. Free: {free}"
    )


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return True
    text = str(error).lower()
    return any(words in text for words in _DISK_FULL_WORDS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from, each once."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]

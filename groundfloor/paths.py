"""Paths as people give them, and URLs where those may be given, too."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from groundfloor.credentials import has_credentials
from groundfloor.text import shown

# A letter and a colon are a drive of Windows, and `a::b://` is a chain of file systems.
_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]+)(?P<chain>::[\w+.:-]*)?://(?P<rest>.*)", re.DOTALL)
_LOCAL_SCHEMES = ("file", "local")


@dataclass(frozen=True)
class Url:
    """A place on a store, as far as it is like a `Path`.

    Attributes:
      scheme: such as `s3`, in lower case.
      rest: what follows `://`, without slashes at its end.
    """

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.rest}"

    def __truediv__(self, key: str) -> "Url":
        return Url(self.scheme, f"{self.rest}/{key}") if key else self

    @property
    def parts(self) -> tuple[str, ...]:
        """What stands between slashes, from the bucket on."""
        return tuple(self.rest.split("/"))

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self.rest.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot; empty where there is none."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> "Url":
        """What is above it."""
        return Url(self.scheme, self.rest.rpartition("/")[0])

    def with_name(self, name: str) -> "Url":
        """What is beside it."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> "Url":
        """What is beside it, and differs in the ending alone."""
        return self.with_name(self.name.removesuffix(self.suffix) + suffix)


Location = Path | Url


def checked_path(text: str) -> Path:
    """A path with `~` as the home folder.

    Raises:
      ValueError: it is empty, which would be the folder that a command runs in; no name for a file;
        the home folder of nobody; or a URL, of which a path would keep one slash.
    """
    if not text.strip():
        raise ValueError("a path must not be empty; `.` is the folder that the command runs in")
    if "\0" in text:
        raise ValueError(f"a path has no character 0 in it. Received: {shown(text)}")
    if _URL.fullmatch(text):
        raise ValueError(f"it must be a path of this machine, not a URL. Received: {shown(text)}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"the home folder that ~ stands for is not known. Received: {shown(text)}"
        ) from None


def checked_location(text: str) -> Location:
    """A path as `checked_path`, or a URL; `file://` and a path is a path.

    Raises:
      ValueError: see `checked_path`; or it is a URL with credentials, which would be kept in logs
        and metadata, one of several file systems, or without a name behind its scheme.
    """
    match = _URL.fullmatch(text)
    if not match:
        return checked_path(text)
    if has_credentials(text):
        raise ValueError(
            "a URL must hold no user, password, key or token: give them in the environment, as "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://. Received: {shown(text)}"
        )
    scheme, rest = match["scheme"].lower(), match["rest"]
    if match["chain"] or not rest.strip("/") or "\0" in rest:
        raise ValueError(f"a URL is like s3://bucket/folder. Received: {shown(text)}")
    if scheme not in _LOCAL_SCHEMES:
        return Url(scheme, rest.rstrip("/"))
    if not rest.startswith("/"):
        raise ValueError(f"file:// must be followed by an absolute path. Received: {shown(text)}")
    return checked_path(rest)


def resolved(location: Location) -> Location:
    """A path without links and relative parts; a URL has none."""
    return location if isinstance(location, Url) else Path(os.path.realpath(location))

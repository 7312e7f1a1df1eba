"""Paths as people give them."""

from pathlib import Path

from groundfloor.text import shown


def checked_path(text: str) -> Path:
    """A path with `~` as the home folder.

    Raises:
      ValueError: it is empty, which would be the folder that a command runs in; no name for a file;
        or the home folder of nobody.
    """
    if not text.strip():
        raise ValueError("a path must not be empty; `.` is the folder that the command runs in")
    if "\0" in text:
        raise ValueError(f"a path has no character 0 in it. Received: {shown(text)}")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"the home folder that ~ stands for is not known. Received: {shown(text)}"
        ) from None

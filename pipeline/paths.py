"""Paths as people give them, on the command line or in the configuration."""

from pathlib import Path

from components.errors import UserError
from components.text import shown, visible

# Beam, TFX and TensorFlow find a step's files by patterns, in which these are no characters.
_PATTERN = "*?[]\\"


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


def given_path(text: str, option: str) -> Path:
    """The path that an option was given, as `checked_path`.

    Raises:
      UserError: it cannot be one.
    """
    try:
        return checked_path(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


def optional_path(text: str | None, option: str) -> Path | None:
    """The same of an option that may be left out."""
    return None if text is None else given_path(text, option)


def check_writable_name(folder: Path, key: str) -> None:
    """Refuses a folder in which the steps would not find each other's files.

    Args:
      folder: resolved; where artifacts are to go.
      key: the option or setting that named it.

    Raises:
      UserError: naming the characters.
    """
    name = str(folder)
    bad = sorted(
        {character for character in name if character in _PATTERN or _is_unseen(character)}
    )
    if bad:
        raise UserError(
            f"{key}: the path must have none of these characters, which the libraries below take "
            f"for a pattern or cannot store: {', '.join(map(shown, bad))}. Received: {shown(name)}"
        )


def check_apart(input_dir: Path, written: dict[str, Path]) -> None:
    """Refuses images among what a run writes, and a run that writes among the images.

    Args:
      input_dir: resolved; the folder of the images.
      written: what names it -> folder that a run writes to, resolved.

    Raises:
      UserError: one is within the other.
    """
    for key, folder in written.items():
        if folder.is_relative_to(input_dir):
            raise UserError(
                f"{key} must not be within the folder of the images, whose next run would take "
                f"what is written there for images. Received: {shown(str(folder))}"
            )
        if input_dir.is_relative_to(folder):
            raise UserError(
                f"the images must not be within {key}, where runs write. "
                f"Received: {shown(str(input_dir))}"
            )


def _is_unseen(character: str) -> bool:
    return visible(character) != character or character in "\n\t"

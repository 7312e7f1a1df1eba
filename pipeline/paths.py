"""Paths as people give them to a command, and which of them a run can use."""

from collections.abc import Iterable
from pathlib import Path

from groundfloor.errors import UserError
from groundfloor.paths import Location, Url, checked_location, checked_path
from groundfloor.text import shown, visible

# Beam, TFX and TensorFlow find a step's files by patterns, in which these are no characters.
_PATTERN = "*?[]\\"


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


def given_location(text: str, option: str) -> Location:
    """The path or URL that an option was given, as `checked_location`.

    Raises:
      UserError: it cannot be one.
    """
    try:
        return checked_location(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None


def optional_location(text: str | None, option: str) -> Location | None:
    """The same of an option that may be left out."""
    return None if text is None else given_location(text, option)


def check_writable_name(folder: Path) -> None:
    """Refuses a folder in which the steps would not find each other's files.

    Raises:
      UserError: naming the characters.
    """
    name = str(folder)
    bad = sorted({letter for letter in name if letter in _PATTERN or _is_unseen(letter)})
    if bad:
        raise UserError(
            "a folder that a run writes to must have none of these characters in its path, which "
            "the libraries below take for a pattern or cannot store: "
            f"{', '.join(map(shown, bad))}. Received: {shown(name)}"
        )


def check_apart(input_dir: Location, output_dir: Path, written: Iterable[Path]) -> None:
    """Refuses a run that writes among the images, and images among what a run writes.

    Images beside what is written, such as `runs/mine/faces` for `--output-dir runs/mine`, are none;
    and beside a manifest a run may write, since its rows say which files are images. On a store no
    run writes at all.

    Args:
      input_dir: the folder of the images, or their manifest; like all of them, resolved.
      output_dir: of the run.
      written: the folders that the run writes to.

    Raises:
      UserError: one is within the other.
    """
    if isinstance(input_dir, Url):
        return
    for folder in (output_dir, *written):
        if folder.is_relative_to(input_dir):
            raise UserError(
                "a run must not write into the folder of the images: the next one would take what "
                f"it finds there for images. Received: {shown(str(folder))}, which is in "
                f"{shown(str(input_dir))}"
            )
    for folder in written:
        if input_dir.is_relative_to(folder):
            raise UserError(
                "the images must not be where a run writes. Received: images in "
                f"{shown(str(input_dir))}, and a run that writes to {shown(str(folder))}"
            )


def _is_unseen(character: str) -> bool:
    return visible(character) != character or character in "\n\t"

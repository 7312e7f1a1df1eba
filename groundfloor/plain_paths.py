"""Folders of any name, for libraries that take a path for a pattern."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_PATTERN_CHARACTERS = frozenset("*?[")


@contextmanager
def plain_path(path: str) -> Iterator[str]:
    """The path itself, or, where it looks like a pattern, a link to it that lasts for a while.

    Beam's readers and writers of files, and TensorFlow's reader of variables, look for the files
    that match a path, and `[`, `*` and `?` in the name of a folder lead them astray.
    """
    if not _PATTERN_CHARACTERS & set(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, "link")
        os.symlink(os.path.abspath(path), link)
        yield link

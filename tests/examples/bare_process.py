"""Runs a script in a process that lacks some packages.

python bare_process.py PACKAGE,PACKAGE... SCRIPT ARGUMENT...
"""

import importlib.abc
import runpy
import sys


class _Without(importlib.abc.MetaPathFinder):
    """Hides what an editable install and a full environment put on every path."""

    def __init__(self, missing):
        self._missing = missing

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in self._missing:
            raise ModuleNotFoundError(f"no {fullname} in a bare process")


if __name__ == "__main__":
    sys.meta_path.insert(0, _Without(sys.argv[1].split(",")))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")

"""Runs a script in a process that has none of what only training and the pipeline need.

python bare_process.py SCRIPT ARGUMENT...
"""

import importlib.abc
import runpy
import sys

_MISSING = frozenset(
    {"apache_beam", "components", "faces", "keras", "mlflow", "pipeline", "serving", "tensorflow"}
    | {"tfx", "ml_metadata", "kfp"}
)


class _Without(importlib.abc.MetaPathFinder):
    """Hides what an editable install and a full environment put on every path."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in _MISSING:
            raise ModuleNotFoundError(f"no {fullname} in a bare process")


if __name__ == "__main__":
    sys.meta_path.insert(0, _Without())
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")

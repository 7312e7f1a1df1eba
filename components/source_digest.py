"""A digest of the code behind a component, for TFX's cache key, which leaves code out.

It covers what Python would run, as read from the sources: nothing is imported for it. What cannot
be read there is left out: a module whose name is put together while the code runs, and the names
that a package resolves when it is asked for them (`__getattr__`). The code of this project has
neither: it imports each name from the module that has it.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import TypeGuard

_ROOT = Path(__file__).parent.parent

# The packages whose code is this project's own; everything else is pinned by the lock, which has a
# set of versions for each Python.
_OWN_PACKAGES = ("biometrics", "components", "faces", "groundfloor", "pipeline", "serving")
_LOCK = "requirements.lock"

_COMPILED = "__pycache__"
_FOR_TYPES = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def source_digest(*modules: str) -> str:
    """SHA-256 of `source_files`, their names and contents, and of the version of Python.

    Args:
      modules: dotted names, such as "components.evaluator.executor".

    Raises:
      ModuleNotFoundError: this project has no such module.
    """
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for path in sorted(source_files(*modules)):
        name = path.relative_to(_ROOT).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def source_files(*modules: str) -> set[Path]:
    """The files that decide what modules do.

    They are the modules, all modules of this project that they import, however indirectly and also
    within functions, the packages around each of them, what lies in their folders and is no code,
    such as templates, and the lock of the libraries.

    Args:
      modules: dotted names.

    Raises:
      ModuleNotFoundError: this project has no such module.
    """
    sources: set[Path] = set()
    waiting = [*modules]
    for module in modules:
        if _path_of(module) is None:
            raise ModuleNotFoundError(f"this project has no module {module!r}")
    while waiting:
        for module in _with_packages(waiting.pop()):
            path = _path_of(module)
            if path is not None and path not in sources:
                sources.add(path)
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                waiting.extend(_own_imports(path.read_bytes(), package))
    data = {file for folder in {path.parent for path in sources} for file in _data_files(folder)}
    lock = _ROOT / _LOCK  # an image has what it pins, and not the file
    return sources | data | ({lock} if lock.is_file() else set())


def _with_packages(module: str) -> Iterator[str]:
    """A module after the packages around it, which Python runs first."""
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _path_of(module: str) -> Path | None:
    """The source of a module or a package; None if this project has none of that name."""
    place = _ROOT.joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


@cache
def _own_imports(source: bytes, package: str) -> tuple[str, ...]:
    """What a source imports from this project, anywhere in it: modules, and names within them.

    Args:
      source: of a module; a pipeline asks for the same one once for each step.
      package: that the module is in, or that it is.
    """
    names: list[str] = []
    for node in _nodes_that_run(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            # `from package import name`: the name may be a module or something inside of one.
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name.partition(".")[0] in _OWN_PACKAGES)


def _nodes_that_run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.orelse if _is_for_types(node) else ast.iter_child_nodes(node))


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test) in _FOR_TYPES


def _data_files(folder: Path) -> Iterator[Path]:
    """What lies in a package and is no code; a folder without code belongs to the one around it."""
    for path in folder.iterdir():
        if path.name == _COMPILED or path.name.startswith("."):
            continue
        if path.is_file() and path.suffix != ".py":
            yield path
        elif path.is_dir() and not any(path.rglob("*.py")):
            yield from _data_files(path)

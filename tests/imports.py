"""What the files of this project import, read from their text."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests import FLOORS, ROOT

FOLDERS = (*FLOORS, "engines", "benchmarks", "examples", "tests")


class Import(NamedTuple):
    """A module that imports a name: `name` is that of the module, where it is one of ours."""

    module: str
    name: str
    in_function: bool


def module_of(path: Path) -> str:
    """The name of a file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py")}
PACKAGES = {module for module, path in FILES.items() if path.name == "__init__.py"}


def _nodes(node: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """What is below a node, and whether it runs only when a function is called."""
    for child in ast.iter_child_nodes(node):
        yield child, in_function
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _nodes(child, in_function or inside)


def _names(node: ast.AST) -> list[str]:
    """What a node imports; of `from a import b`, `a.b` where that is a module of ours, else `a`."""
    match node:
        case ast.Import(names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module, names, level):
            assert level == 0, f"a relative import from {module}"
            inner = [f"{module}.{alias.name}" for alias in names]
            return [name if name in FILES else module for name in inner]
        case ast.Call(ast.Attribute(attr="import_module"), [ast.Constant(str() as name)]):
            return [name]
    return []


def imports_of(module: str) -> list[Import]:
    """Each import of a module: outside of functions, inside of them, and for types only."""
    tree = ast.parse(FILES[module].read_text())
    return [
        Import(module, name, in_function)
        for node, in_function in _nodes(tree)
        for name in _names(node)
    ]

"""The floors: imports run down only, neighbours do not meet, and no circle is made.

Every import counts: one inside a function, one for types only, and a name that is given to
`import_module`. Only a circle of modules is made by imports outside of functions alone, since those
inside run when both modules are there.
"""

import ast
import graphlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests import FLOORS, ROOT

# From the ground up; folders of one storey do not import each other.
STOREYS = (
    ("groundfloor",),
    ("biometrics", "faces"),
    ("serving",),
    ("components",),
    ("pipeline",),
    ("benchmarks", "examples"),
    ("tests",),
)
STOREY_OF = {folder: storey for storey, folders in enumerate(STOREYS) for folder in folders}

PIPELINES = {"tfx", "tfx_bsl", "ml_metadata", "kfp", "apache_beam", "mlflow"}
FORBIDDEN = {
    "groundfloor": PIPELINES | {"tensorflow", "keras"},
    "biometrics": PIPELINES | {"tensorflow", "keras"},
    "faces": PIPELINES,
    "serving": PIPELINES,
}


class Import(NamedTuple):
    """A module that imports a name: `name` is that of the module, where it is one of ours."""

    module: str
    name: str
    in_function: bool


def _module(path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module(path): path for floor in STOREY_OF for path in ROOT.glob(f"{floor}/**/*.py")}
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


IMPORTS = [
    Import(module, name, in_function)
    for module, path in FILES.items()
    for node, in_function in _nodes(ast.parse(path.read_text()))
    for name in _names(node)
]


def _shown(imports: list[Import]) -> list[str]:
    return sorted({f"{found.module} -> {found.name}" for found in imports})


def _folder(module: str, depth: int = 1) -> tuple[str, ...]:
    return tuple(module.split(".")[:depth])


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle of the graph, or nothing."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def _runs(found: Import) -> Iterator[str]:
    """The modules of ours that an import runs: the packages around the named one as well."""
    parts = found.name.split(".")
    packages = {".".join(parts[:end]) for end in range(1, len(parts))}
    around_both = {package for package in packages if f"{found.module}.".startswith(f"{package}.")}
    return (module for module in packages - around_both | {found.name} if module in FILES)


def test_the_storeys_are_those_that_are_installed_and_what_uses_them():
    flat = tuple(folder for storey in STOREYS for folder in storey)
    assert flat == (*FLOORS, "benchmarks", "examples", "tests")


def test_imports_run_down_only():
    wrong = [
        found
        for found in IMPORTS
        for own, other in [(*_folder(found.module), *_folder(found.name))]
        if own != other and other in STOREY_OF and STOREY_OF[own] <= STOREY_OF[other]
    ]
    assert _shown(wrong) == []


def test_the_libraries_know_no_pipeline_and_measuring_no_tensorflow():
    wrong = [
        found
        for found in IMPORTS
        if _folder(found.name)[0] in FORBIDDEN.get(_folder(found.module)[0], ())
    ]
    assert _shown(wrong) == []


def test_a_step_does_not_import_another_step():
    steps = {_folder(module, 2) for module in PACKAGES if module.startswith("components.")}
    wrong = [
        found
        for found in IMPORTS
        for own, other in [(_folder(found.module, 2), _folder(found.name, 2))]
        if own != other and own in steps and other in steps
    ]
    assert _shown(wrong) == []


def test_what_is_below_the_commands_does_not_import_them():
    commands = {
        module
        for module, path in FILES.items()
        if path.parent == ROOT / "pipeline" and '__name__ == "__main__"' in path.read_text()
    }
    folders = tuple(f"{package}." for package in PACKAGES if package.startswith("pipeline."))
    wrong = [
        found for found in IMPORTS if found.name in commands and found.module.startswith(folders)
    ]
    assert _shown(wrong) == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: set() for module in FILES}
    for found in IMPORTS:
        if not found.in_function:
            graph[found.module].update(_runs(found))
    assert _circle(graph) == []


def test_no_parts_of_measuring_import_each_other_in_a_circle():
    graph = {}
    for found in IMPORTS:
        own, other = ".".join(_folder(found.module, 2)), ".".join(_folder(found.name, 2))
        if own != other and {_folder(own)[0], _folder(other)[0]} == {"biometrics"}:
            graph.setdefault(own, set()).add(other)
    graph.pop("biometrics", None)  # the public face names all of them
    assert _circle(graph) == []


@pytest.mark.parametrize("library", ["biometrics", "faces"])
def test_the_public_face_of_a_library_is_for_others(library):
    wrong = [
        found for found in IMPORTS if found.name == library and _folder(found.module)[0] in FLOORS
    ]
    assert _shown(wrong) == []

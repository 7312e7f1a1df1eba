"""The floors: imports run down only, neighbours do not meet, and no circle is made.

Every import counts: one inside a function, one for types only, and a name that is given to
`import_module`. Only a circle of modules is made by imports outside of functions alone, since those
inside run when both modules are there.
"""

import graphlib
from collections.abc import Iterator

import pytest

from tests import FLOORS, ROOT
from tests.imports import FILES, FOLDERS, PACKAGES, Import, imports_of

# From the ground up; folders of one storey do not import each other.
STOREYS = (
    ("groundfloor",),
    ("biometrics", "faces"),
    ("serving",),
    ("components",),
    ("pipeline",),
    ("engines",),
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

IMPORTS = [found for module in FILES for found in imports_of(module)]


def _fail_for(imports: list[Import]) -> None:
    """Fails with every import of the list, if there is one."""
    assert not imports, "\n".join(sorted({f"{own} -> {name}" for own, name, _ in imports}))


def _top(module: str, depth: int = 1) -> str:
    """The first parts of a module's name."""
    return ".".join(module.split(".")[:depth])


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


def test_each_folder_has_its_storey():
    assert tuple(folder for storey in STOREYS for folder in storey) == FOLDERS


def test_imports_run_down_only():
    wrong = [
        found
        for found in IMPORTS
        for own, other in [(_top(found.module), _top(found.name))]
        if own != other and other in STOREY_OF and STOREY_OF[own] <= STOREY_OF[other]
    ]
    _fail_for(wrong)


def test_the_libraries_know_no_pipeline_and_measuring_no_tensorflow():
    wrong = [
        found for found in IMPORTS if _top(found.name) in FORBIDDEN.get(_top(found.module), ())
    ]
    _fail_for(wrong)


def test_a_step_is_imported_by_no_other_step_and_by_nothing_that_steps_share():
    folders = {_top(module, 2) for module in PACKAGES if module.startswith("components.")}
    steps = {folder for folder in folders if f"{folder}.component" in FILES}
    assert folders - steps == {"components.tracking"}
    wrong = [
        found
        for found in IMPORTS
        for own, other in [(_top(found.module, 2), _top(found.name, 2))]
        if own != other and own in folders and other in steps
    ]
    _fail_for(wrong)


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
    _fail_for(wrong)


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: set() for module in FILES}
    for found in IMPORTS:
        if not found.in_function:
            graph[found.module].update(_runs(found))
    assert _circle(graph) == []


def test_no_parts_of_measuring_import_each_other_in_a_circle():
    graph = {}
    for found in IMPORTS:
        own, other = _top(found.module, 2), _top(found.name, 2)
        # The public face itself names all of them.
        if own != other and own.startswith("biometrics.") and other.startswith("biometrics."):
            graph.setdefault(own, set()).add(other)
    assert _circle(graph) == []


@pytest.mark.parametrize("library", ["biometrics", "faces"])
def test_the_public_face_of_a_library_is_for_others(library):
    wrong = [found for found in IMPORTS if found.name == library and _top(found.module) in FLOORS]
    _fail_for(wrong)

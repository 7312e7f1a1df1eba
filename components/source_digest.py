"""A digest of the code behind a component, for TFX's cache key, which leaves code out."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parent.parent

# The packages whose code is this project's own; everything else is pinned by the lock, which has a
# set of versions for each Python.
_OWN_PACKAGES = ("biometrics", "components", "faces", "groundfloor", "pipeline", "serving")
_LOCK = "requirements.lock"


def source_digest(module: str) -> str:
    """SHA-256 of a module and of all modules of this project that it imports, however indirectly.

    Imports are read from the source, and nothing is imported for it. The templates beside a module
    count as part of it, and so do the lock of the libraries and the version of Python.

    Args:
      module: dotted name, such as "components.evaluator.executor".

    Raises:
      ModuleNotFoundError: this project has no such module.
    """
    if not _path_of(module).is_file():
        raise ModuleNotFoundError(f"this project has no module {module!r}")
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    lock = _ROOT / _LOCK  # an image has what it pins, and not the file
    for path in sorted(_sources(module) | ({lock} if lock.is_file() else set())):
        name = path.relative_to(_ROOT).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(module: str) -> set[Path]:
    sources: set[Path] = set()
    waiting = [_path_of(module)]
    while waiting:
        path = waiting.pop()
        if path not in sources:
            sources.add(path)
            sources.update(path.parent.glob("templates/*"))
            waiting.extend(_own_imports(path))
    return sources


def _path_of(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")).with_suffix(".py")


def _own_imports(path: Path) -> Iterator[Path]:
    """The project's modules that a source file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name`: the name may be a module or something inside of one.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        own = (name for name in names if name.partition(".")[0] in _OWN_PACKAGES)
        yield from (path for path in map(_path_of, own) if path.is_file())

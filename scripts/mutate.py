"""Tests the tests: makes small faults in what a change touches, and sees whether a test fails.

    scripts/mutate.py                    in what this branch, or on main the last commit, changes
    scripts/mutate.py --since v0.1.0     in what has changed since a revision
    scripts/mutate.py biometrics/gate.py --number 50 --seed 2

A fault is another comparison, operator, number or truth value, a condition turned round, or a None
in place of a result. Each is made alone, in a temporary copy of the checkout, and the tests that
mirror its file are run: `tests/a/test_b*.py` for `a/b.py`, else those of the folder. What survives
is a fault that none of them sees; a person judges whether it makes a difference. The sample depends
on the code and the seed alone.
"""

import argparse
import ast
import copy
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

FLOORS = ("groundfloor", "biometrics", "faces", "serving", "components", "pipeline")

SWAPPED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# Below these there is nothing that a test should see: what is said to people, and types.
PASSED_OVER_NODES = (ast.JoinedStr, ast.Raise, ast.Assert)
PASSED_OVER_FIELDS = frozenset({"annotation", "returns", "decorator_list"})
# How much longer than without a fault the tests may take, in seconds: a fault may loop for ever.
PATIENCE = 60


class Fault(NamedTuple):
    """The bytes of a file from `start` to `end` become `text`; they begin in `line`, from 1."""

    path: str
    line: int
    start: int
    end: int
    text: str


def faults_in(path: str, source: str) -> list[Fault]:
    """Each fault that can be made in a file, from its top to its end."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = {
        Fault(
            path,
            node.lineno,
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
            text,
        )
        for parent in _nodes(ast.parse(source))
        for node, text in _changes(parent)
    }
    return sorted(found)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What is below a node and worked out when the code runs."""
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if (
                isinstance(child, ast.AST)
                and not isinstance(child, PASSED_OVER_NODES)
                and field not in PASSED_OVER_FIELDS
            ):
                yield child
                yield from _nodes(child)


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """What can be changed about a node: an expression, and what takes its place."""
    match node:
        case ast.Compare(ops=ops):
            for place, operator in enumerate(ops):
                yield node, _with(node, ops=_replaced(ops, place, SWAPPED[type(operator)]()))
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in SWAPPED:
            yield node, _with(node, op=SWAPPED[type(operator)]())
        case ast.UnaryOp(ast.Not(), operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.Constant(bool() as value):
            yield node, str(not value)
        case ast.Constant(int() | float() as value):
            yield node, str(value + 1)
        case ast.If(test) | ast.While(test) | ast.IfExp(test):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            yield value, "None"


def _with(node: ast.expr, **fields: object) -> str:
    """The text of a node with other fields."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return f"({ast.unparse(changed)})"


def _replaced(values: list, place: int, value: object) -> list:
    return [*values[:place], value, *values[place + 1 :]]


def with_fault(source: str, fault: Fault) -> str:
    """A file's text with a fault in it."""
    content = source.encode()
    return (content[: fault.start] + fault.text.encode() + content[fault.end :]).decode()


def mirrors(path: str, root: Path) -> list[str]:
    """The tests that mirror a file: of its name, else of its folder, else of that above it."""
    file = Path(path)
    named = sorted((root / "tests" / file.parent).glob(f"test_{file.stem}*.py"))
    if named:
        return [str(test.relative_to(root)) for test in named]
    folders = [root / "tests" / folder for folder in file.parents]
    return [
        str(next(folder for folder in folders if any(folder.glob("test_*.py"))).relative_to(root))
    ]


def changed_lines(root: Path, since: str) -> dict[str, set[int]]:
    """The lines of each file below the floors that have changed since a revision, by path."""
    lines: dict[str, set[int]] = {}
    path = ""
    for line in _git(root, "diff", "--unified=0", "--no-prefix", since, "--", *FLOORS).splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ")
        elif match := re.match(r"@@ \S+ \+(\d+)(?:,(\d+))? @@", line):
            start, count = int(match[1]), int(match[2] or 1)
            lines.setdefault(path, set()).update(range(start, start + count))
    return {path: found for path, found in lines.items() if path.endswith(".py") and found}


def _git(root: Path, *arguments: str) -> str:
    run = subprocess.run(
        ["git", "-C", root, *arguments], capture_output=True, text=True, check=False
    )
    if run.returncode:
        sys.exit(f"mutate: {run.stderr.strip()}")
    return run.stdout


def copied(root: Path, target: Path) -> None:
    """Copies the files that git knows, as they are now, and those that it does not ignore."""
    for name in _git(root, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name)


def seconds_if_passed(root: Path, tests: Sequence[str], limit: float | None = None) -> float | None:
    """How long tests take in a copy, if they pass and within the limit, in seconds."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return None
    return time.monotonic() - began if run.returncode == 0 else None


def tried(root: Path, sample: Sequence[Fault]) -> Iterator[tuple[Fault, bool]]:
    """Each fault of the sample, and whether the tests that mirror its file pass with it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        copied(root, home)
        limits: dict[str, float] = {}
        for fault in sample:
            file, tests = home / fault.path, mirrors(fault.path, home)
            if fault.path not in limits:
                taken = seconds_if_passed(home, tests)
                if taken is None:
                    sys.exit(f"mutate: {' '.join(tests)} fails without a fault")
                limits[fault.path] = 2 * taken + PATIENCE
            source = file.read_text()
            file.write_text(with_fault(source, fault))
            yield fault, seconds_if_passed(home, tests, limits[fault.path]) is not None
            file.write_text(source)


def main() -> None:
    """Draws faults, tries each and prints what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", help="files, each with all its lines")
    parser.add_argument("--since", help="a revision (default: where the branch began, or HEAD~1)")
    parser.add_argument("--number", type=int, default=20, help="how many faults (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="draws the faults (default: 1)")
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    lines = dict.fromkeys(options.paths) or changed_lines(root, options.since or _beginning(root))
    sample = draw(root, lines, options.number, options.seed)
    print(f"{len(sample)} faults in {len({fault.path for fault in sample})} files")
    lived = 0
    for fault, survived in tried(root, sample):
        lived += survived
        print(f"{'SURVIVED' if survived else 'killed':8}  {_shown(root, fault)}", flush=True)
    print(f"{lived} of {len(sample)} survived")


def draw(root: Path, lines: Mapping[str, set[int] | None], number: int, seed: int) -> list[Fault]:
    """At most `number` faults in these lines of these files; None stands for all lines."""
    found = [
        fault
        for path, wanted in sorted(lines.items())
        for fault in faults_in(path, (root / path).read_text())
        if wanted is None or fault.line in wanted
    ]
    return sorted(random.Random(seed).sample(found, min(number, len(found))))


def _beginning(root: Path) -> str:
    """Where this branch left main, or, on main, the commit before the last."""
    branches = _git(root, "branch", "--list", "main", "--format", "%(refname:short)").split()
    base = _git(root, "merge-base", "HEAD", *branches or ["HEAD"]).strip()
    return "HEAD~1" if base == _git(root, "rev-parse", "HEAD").strip() else base


def _shown(root: Path, fault: Fault) -> str:
    """A fault in one line: where, and what becomes what."""
    content = (root / fault.path).read_bytes()[fault.start : fault.end].decode()
    return f"{fault.path}:{fault.line}  {' '.join(content.split())}  ->  {fault.text}"


if __name__ == "__main__":
    main()

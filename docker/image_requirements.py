"""Prints the locked requirements of an image, hashes and all, for `uv pip sync`.

    python3 docker/image_requirements.py cpu     what the project needs, with tensorflow-cpu
    python3 docker/image_requirements.py cuda    the same, with NVIDIA's libraries
    python3 docker/image_requirements.py uv      uv alone, which then installs the others

They are those of requirements.lock less what only some extras (demo, dev, fast) bring in; those of
`serve` and `export` are in the images. Nothing is resolved anew: the versions are those that the
tests ran with. Standard library only.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = "requirements.lock"
EXTRAS = ("serve", "export")
ALTERNATIVES = {"cpu": "docker/tensorflow-cpu.lock", "cuda": "docker/tensorflow-cuda.lock"}


def read_lock(text: str) -> dict[str, str]:
    """The text of each package in a lock; one with a version for each stack is there as one."""
    blocks: dict[str, str] = {}
    for block in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]:
        name = re.split(r"[=\[ ]", block, maxsplit=1)[0]
        blocks[name] = blocks.get(name, "") + block
    return blocks


def needed(blocks: dict[str, str], roots: Iterable[str]) -> set[str]:
    """The packages that the roots need, themselves too; uv notes beside each who wants it."""
    wanted_by = {
        name: set(re.findall(r"^    # (?:via )? *([a-z0-9][a-z0-9._-]*)$", text, re.MULTILINE))
        for name, text in blocks.items()
    }
    found, new = set(), set(roots) & blocks.keys()
    while new:
        found |= new
        new = {name for name, parents in wanted_by.items() if parents & new} - found
    return found


def image_requirements(kind: str) -> str:
    """The requirements of an image of this kind ("cpu", "cuda"), or "uv" alone."""
    blocks = read_lock((ROOT / LOCK).read_text(encoding="utf-8"))
    if kind == "uv":
        return blocks["uv"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (project["optional-dependencies"][extra] for extra in EXTRAS)
    dependencies = chain(project["dependencies"], *extras)
    names = needed(blocks, (re.split(r"[^A-Za-z0-9._-]", text)[0] for text in dependencies))
    chosen = {name: text for name, text in blocks.items() if name in names and name != "tensorflow"}
    # Where both have a package, the lock's own markers count: the alternative's are narrower.
    return "".join((read_lock((ROOT / ALTERNATIVES[kind]).read_text()) | chosen).values())


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("uv", *ALTERNATIVES):
        sys.exit(__doc__)
    sys.stdout.write(image_requirements(sys.argv[1]))

"""What the images are made of: a bill of materials of each, and what of it is vulnerable.

    .venv/bin/python scripts/supply_chain.py sbom     (make sbom)
    .venv/bin/python scripts/supply_chain.py audit    (make audit-dependencies)

What is in an image follows from the locks (`docker/image_requirements.py`): packages, versions and
the digests of their files, for each stack. Debian's packages of the base are not among them.

`sbom` writes CycloneDX 1.6 as JSON into build/sbom. `audit` asks the package index, which has the
advisories of PyPA; a package that it does not know makes it fail, for nothing was looked up then.
"""

import re
import subprocess
import sys
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docker"))

from image_requirements import ALTERNATIVES, image_requirements  # noqa: E402 - from docker/

# Of the image's Python.
STACKS = ("3.11", "3.13")
SBOM_TOOL, AUDIT_TOOL = "cyclonedx-bom==7.5.0", "pip-audit==2.10.1"


def main(command: str) -> int:
    """Runs a command for each image and stack; the exit code is 1 where one of them failed."""
    folder = ROOT / "build/sbom"
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for kind in ALTERNATIVES:
        for python in STACKS:
            name = f"{kind}-python{python}"
            requirements = of_stack(image_requirements(kind), python)
            print(name, flush=True)
            if command == "sbom":
                write_sbom(requirements, folder / f"{name}.json")
            else:
                failed |= audit(requirements, folder / f"{name}.txt")
    return failed


def of_stack(requirements: str, python: str) -> str:
    """Those requirements, digests and all, that hold for a Python such as "3.13"."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    entries = re.split(r"^(?=[A-Za-z0-9])", requirements, flags=re.MULTILINE)[1:]
    return "".join(entry for entry in entries if _holds(entry, environment))


def _holds(entry: str, environment: dict[str, str]) -> bool:
    marker = Requirement(entry.partition("\\")[0].strip()).marker
    return marker is None or marker.evaluate(environment)


def write_sbom(requirements: str, path: Path) -> None:
    """Writes the bill, which the tool holds against the schema of CycloneDX."""
    path.unlink(missing_ok=True)
    arguments = ["--output-reproducible", "--validate", "--output-file", path, "-"]
    _run(SBOM_TOOL, ["cyclonedx-py", "requirements", *arguments], requirements).check_returncode()


def audit(requirements: str, path: Path) -> int:
    """Prints what is known to be vulnerable; 0 where all was looked up, and nothing is."""
    path.write_text(requirements)
    arguments = ["--strict", "--disable-pip", "--require-hashes", "--requirement", path]
    return int(_run(AUDIT_TOOL, ["pip-audit", *arguments]).returncode != 0)


def _run(
    tool: str, command: list[str | Path], given: str | None = None
) -> "subprocess.CompletedProcess[str]":
    uv = Path(sys.executable).parent / "uv"
    return subprocess.run(
        [uv, "tool", "run", "--from", tool, *command], input=given, text=True, check=False
    )


if __name__ == "__main__":
    if sys.argv[1:] not in (["sbom"], ["audit"]):
        sys.exit("usage: supply_chain.py sbom|audit")
    sys.exit(main(sys.argv[1]))

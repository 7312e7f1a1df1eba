"""What the images are made of: a bill of materials of each, and what of it is vulnerable.

    .venv/bin/python scripts/supply_chain.py sbom                 (make sbom)
    .venv/bin/python scripts/supply_chain.py audit [DATABASE]     (make audit-dependencies)

What is in an image follows from the locks (`docker/image_requirements.py`): packages, versions and
the digests of their files, for each stack. Debian's packages of the base are not among them.

`sbom` writes CycloneDX 1.6 as JSON into build/sbom, with the licence of each package that is
installed beside this script's Python in the same version. `audit` asks the package index, which has
the advisories of PyPA, and fails where a package could not be looked up; with DATABASE, a checkout
of https://github.com/pypa/advisory-database, it asks nobody.
"""

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "docker"), str(ROOT / "scripts")]

import advisories  # noqa: E402 - from scripts/
from image_requirements import ALTERNATIVES, image_requirements  # noqa: E402 - from docker/

# Of the image's Python.
STACKS = ("3.11", "3.13")
SBOM_TOOL, AUDIT_TOOL = "cyclonedx-bom==7.5.0", "pip-audit==2.10.1"

# Advisories that hold for a version which a stack needs, and why the images are not open to them.
ACCEPTED = {
    "PYSEC-2023-238": "pyarrow-hotfix is imported before any Parquet is read",
    "PYSEC-2023-17": "IPython's window title on Windows; nothing here starts IPython",
}
_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()))
"""


def main(command: str, database: Path | None = None) -> int:
    """Runs a command for each image and stack; the exit code is 1 where one of them failed."""
    if database:
        print("advisories until", advisories.date_of(database))
    folder = ROOT / "build/sbom"
    folder.mkdir(parents=True, exist_ok=True)
    licences = installed_licences() if command == "sbom" else {}
    failed = 0
    for kind, python in product(ALTERNATIVES, STACKS):
        requirements = of_stack(image_requirements(kind), python)
        path = folder / f"{kind}-python{python}.json"
        print(path.stem, flush=True)
        if command == "sbom":
            write_sbom(requirements, path, licences)
        elif database:
            failed |= audit_offline(requirements, database)
        else:
            failed |= audit(requirements, path.with_suffix(".txt"))
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


def pins_of(requirements: str) -> list[tuple[str, str]]:
    """The canonical name and the version of each requirement."""
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", requirements, re.MULTILINE)
    return [(canonicalize_name(name), version) for name, version in found]


def write_sbom(requirements: str, path: Path, licences: dict[tuple[str, str], Any]) -> None:
    """Writes the bill, held against the schema of CycloneDX."""
    path.unlink(missing_ok=True)
    command: list[str | Path] = ["cyclonedx-py", "requirements", "--output-reproducible", "-"]
    bill = json.loads(_output(command, requirements))
    text = json.dumps(with_licences(bill, licences), indent=2)
    _output(["python", "-c", _VALIDATE], text)
    path.write_text(text + "\n")


def installed_licences() -> dict[tuple[str, str], Any]:
    """CycloneDX's account of the licence of each package installed here, by name and version."""
    command: list[str | Path] = ["cyclonedx-py", "environment", sys.executable]
    installed = json.loads(_output(command))["components"]
    return {_pin(part): part["licenses"] for part in installed if "licenses" in part}


def with_licences(bill: dict[str, Any], licences: dict[tuple[str, str], Any]) -> dict[str, Any]:
    """The bill with the licences that are known of just those versions."""
    parts = [
        part | ({"licenses": licences[_pin(part)]} if _pin(part) in licences else {})
        for part in bill["components"]
    ]
    return bill | {"components": parts}


def _pin(part: dict[str, Any]) -> tuple[str, str]:
    return canonicalize_name(part["name"]), part["version"]


def audit(requirements: str, path: Path) -> int:
    """Prints what is known to be vulnerable; 0 where all was looked up, and nothing is."""
    path.write_text(requirements)
    accepted = (part for advisory in ACCEPTED for part in ("--ignore-vuln", advisory))
    arguments = ["--strict", "--disable-pip", "--require-hashes", "--requirement", path, *accepted]
    return int(_run(AUDIT_TOOL, ["pip-audit", *arguments]).returncode != 0)


def audit_offline(requirements: str, database: Path) -> int:
    """Prints what the database says; 0 where that is nothing, or all of it is accepted."""
    pins = pins_of(requirements)
    found = list(advisories.find(pins, database))
    print(f"  {len(pins)} packages, {len(found)} advisories")
    for package, version, advisory, aliases in found:
        verdict = ACCEPTED.get(advisory, "VULNERABLE")
        print(f"  {package} {version}: {' '.join((advisory, *aliases))}: {verdict}")
    return int(any(finding.advisory not in ACCEPTED for finding in found))


def _output(command: list[str | Path], given: str | None = None) -> str:
    """What a command of the bills' tool prints."""
    ended = _run(SBOM_TOOL, command, given, stdout=subprocess.PIPE)
    ended.check_returncode()
    return str(ended.stdout)


def _run(
    tool: str, command: list[str | Path], given: str | None = None, stdout: int | None = None
) -> "subprocess.CompletedProcess[str]":
    uv = Path(sys.executable).parent / "uv"
    run = [uv, "tool", "run", "--from", tool, *command]
    return subprocess.run(run, input=given, stdout=stdout, text=True, check=False)


if __name__ == "__main__":
    if sys.argv[1:] in (["sbom"], ["audit"]):
        sys.exit(main(sys.argv[1]))
    if len(sys.argv) != 3 or sys.argv[1] != "audit":
        sys.exit("usage: supply_chain.py sbom | audit [DATABASE]")
    try:
        sys.exit(main("audit", Path(sys.argv[2])))
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
